//! Turns of the event loop that the engine runs by itself: it reads the sockets of plain clients, runs what they sent and answers
//! them, and JavaScript only hears of what is out of the ordinary.
//!
//! ```text
//!   libuv --> who has something? --> read up to 32 KB --> run each chunk --> send all replies --> again, or back to libuv
//!                                                            |
//!            handler in JavaScript <-- [ what | place | length | ms ]    not plain: observed, a host command, notes,
//!                                                                        the end of a connection, a full socket
//! ```
//!
//! Its one idea: with short pipelines a request costs Node's way through stream, callback and write as much as its command
//! costs. Order is kept by three rules: replies that wait are sent before JavaScript is entered; a socket is read once between
//! two looks at who has something; and once JavaScript was entered Node's loop goes on first, which sends what that left.
//! Accepting and closing are Node's, and reading is its again once a connection is handed back (`ended`, or `remove`).

#[cfg(target_os = "linux")]
#[path = "turns/door.rs"]
mod door;
#[cfg(target_os = "linux")]
#[path = "turns/sockets.rs"]
mod sockets;
#[cfg(target_os = "linux")]
#[path = "turns/turn.rs"]
mod turn;
