//! A script on a stack of its own: it can be left in the middle, at any depth of Lua, and gone on with later.
//!
//! ```text
//!   our stack                       the script's stack
//!   go_on(&mut Keyspace) --lends--> Lua ... redis.call ... Lua ... count hook
//!        Turn::Rests     <--takes back-- rest(): all frames stay as they are
//!   (others are answered)
//!   go_on(&mut Keyspace) --lends--> ... hook returns, Lua goes on
//!        Turn::Over      <--takes back-- the result
//! ```
//!
//! Its one idea: the keyspace is *lent* for a turn and taken back when the script rests, so no borrow lives on the
//! resting stack. Whoever uses the data meanwhile would find it in one piece; that nobody does is the store's doing
//! (`store/busy.rs`), and a matter of isolation, not of memory.

use crate::keyspace::Keyspace;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;

/// Room for the deepest recursion of Lua's parser, its patterns (see `guard`) and our libraries. Only what is touched
/// takes memory, and below it is a page that nobody may touch.
const STACK_BYTES: usize = 16 << 20;

/// Why a script rests.
#[derive(Debug)]
pub enum Rest {
    /// It has run for a while; others may want to be answered.
    Busy,
    /// It calls a command of the host, and wants its reply: RESP of that protocol (2 or 3).
    Asks(Vec<Vec<u8>>),
}

/// How a turn ended.
#[derive(Debug)]
pub enum Turn<T> {
    /// The script is over.
    Over(T),
    /// Call `go_on` again.
    Rests(Rest),
}

/// What both stacks see.
#[derive(Default)]
pub struct Shared {
    lent: Cell<Option<NonNull<Keyspace>>>,
    yielder: Cell<Option<NonNull<Yielder<(), Rest>>>>,
    answer: RefCell<Option<Vec<u8>>>,
    spare: RefCell<Option<DefaultStack>>,
}

/// A script that is not over.
pub struct Turns<T: 'static> {
    coroutine: Option<Coroutine<(), Rest, T, DefaultStack>>,
    shared: Rc<Shared>,
}

impl Shared {
    /// Calls `body` with the keyspace; None when none is lent (no script runs, or it uses the keyspace already).
    pub fn with_keys<R>(&self, body: impl FnOnce(&mut Keyspace) -> R) -> Option<R> {
        let mut lent = self.lent.take()?;
        // SAFETY: `go_on` puts the pointer of its exclusive borrow here, and takes it out before that borrow ends. It is
        // taken out for the time of `body` too, so that there is one borrow of it at any time.
        let result = body(unsafe { lent.as_mut() });
        self.lent.set(Some(lent));
        Some(result)
    }

    /// Leaves the script's stack until the next `go_on`. Gives the host's answer, if there was a question. Does nothing
    /// outside of a script.
    pub fn rest(&self, why: Rest) -> Option<Vec<u8>> {
        let yielder = self.yielder.get()?;
        // SAFETY: the yielder lives in the first frame of the script's stack, which put it here and takes it out when it
        // returns; who calls this runs on that stack, above that frame.
        unsafe { yielder.as_ref() }.suspend(why);
        self.answer.take()
    }
}

impl<T: 'static> Turns<T> {
    /// Makes a stack for a script (or takes the last one's); nothing runs yet.
    ///
    /// # Errors
    /// When there is no memory for a stack.
    pub fn new(shared: &Rc<Shared>, script: impl FnOnce() -> T + 'static) -> std::io::Result<Turns<T>> {
        let stack = match shared.spare.take() {
            Some(stack) => stack,
            None => DefaultStack::new(STACK_BYTES)?,
        };
        let inside = shared.clone();
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Rest>, ()| {
            inside.yielder.set(Some(NonNull::from(yielder)));
            let result = script();
            inside.yielder.set(None);
            result
        });
        Ok(Turns { coroutine: Some(coroutine), shared: shared.clone() })
    }

    /// Runs the script until it rests or is over. `answer` is the host's reply to what it asked. After its end: None.
    pub fn go_on(&mut self, keys: &mut Keyspace, answer: Option<Vec<u8>>) -> Option<Turn<T>> {
        self.shared.answer.replace(answer);
        self.shared.lent.set(Some(NonNull::from(keys)));
        let turn = self.turn();
        self.shared.lent.set(None);
        turn
    }

    /// A turn without the data: what the script asks of it fails. For its end (see `Machine::end_early`).
    pub fn go_on_without_data(&mut self) -> Option<Turn<T>> {
        self.turn()
    }

    fn turn(&mut self) -> Option<Turn<T>> {
        match self.coroutine.as_mut()?.resume(()) {
            CoroutineResult::Yield(rest) => Some(Turn::Rests(rest)),
            CoroutineResult::Return(result) => {
                let stack = self.coroutine.take().map(Coroutine::into_stack);
                self.shared.spare.replace(stack);
                Some(Turn::Over(result))
            }
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("lent", &self.lent).finish_non_exhaustive()
    }
}

impl<T: 'static> std::fmt::Debug for Turns<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns").field("over", &self.coroutine.is_none()).finish_non_exhaustive()
    }
}
