//! Tells the linker what a Node addon needs.
//!
//! Nothing is generated and nothing is downloaded; without it the symbols of Node stay unresolved on some systems.
fn main() {
    napi_build::setup();
}
