//! Tells the linker what a Node addon needs.
//!
//! Nothing is generated and nothing is downloaded; without it the symbols of Node stay unresolved on some systems.
fn main() {
    napi_build::setup();
    // Node unloads an addon when the last worker that has it ends; the allocator's thread-local data must not go with it,
    // and what it holds is still in use.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-link-arg-cdylib=-Wl,-z,nodelete");
    }
}
