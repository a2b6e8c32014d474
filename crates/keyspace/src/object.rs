//! A value that does not fit into a key's block.

/// Every kind of value. Cloning one is a deep copy; entries share them with a snapshot until they are changed.
#[derive(Clone, Debug)]
pub enum Object {
    /// A string too long for the block, or one that has grown.
    Str(Vec<u8>),
    /// A module's value that nothing here understands, kept byte for byte.
    Module(ModuleValue),
}

/// The raw body of a module's value in an RDB, to be written back as it came.
#[derive(Clone, Debug)]
pub struct ModuleValue {
    /// The 64-bit module id: nine characters of six bits, and ten bits of encoding version.
    pub id: u64,
    /// Everything behind the id, its end mark included.
    pub body: Vec<u8>,
}

impl Object {
    /// What TYPE says.
    pub fn type_name(&self) -> &'static str {
        match self {
            Object::Str(_) => "string",
            Object::Module(_) => "module",
        }
    }

    /// What OBJECT ENCODING says (Redis 7.0).
    pub fn encoding(&self) -> &'static str {
        match self {
            Object::Str(_) | Object::Module(_) => "raw",
        }
    }

    /// Bytes on the heap, as well as can be told without walking everything.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Object::Str(bytes) => bytes.capacity(),
            Object::Module(value) => value.body.capacity(),
        }
    }

    /// Collections without elements do not exist: their key goes.
    pub fn is_empty(&self) -> bool {
        false
    }
}
