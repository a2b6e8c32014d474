//! Huge pages, and doing without them (config disable-thp, yes by default as in Redis).
//!
//! The allocator asks for huge pages. Where the system has some, the first byte that is written to one has all of its 2 MB cleared
//! at once: a pause in the middle of a command, and on virtual machines, whose host takes free memory back, a long one (5 ms
//! here; clearing was 16 % of the CPU time of a server whose lists grew). So the process does without, from its start on.

use redtwin_keyspace::settings::SettingValue;

/// Takes the setting; false when it is another one, or no system that knows of it.
pub(crate) fn configure(name: &str, value: &SettingValue<'_>) -> bool {
    match (name, value) {
        ("disable-thp", &SettingValue::Flag(disabled)) => disable(disabled),
        _ => false,
    }
}

/// Says whether pages that this process touches from now on may be huge. False where that cannot be said.
#[cfg(target_os = "linux")]
fn disable(disabled: bool) -> bool {
    let none: libc::c_ulong = 0;
    // SAFETY: takes numbers, and changes nothing but where later pages come from.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, libc::c_ulong::from(disabled), none, none, none) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn disable(_disabled: bool) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_told() {
        let is_disabled = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            status.lines().find_map(|line| line.strip_prefix("THP_enabled:")).map(|word| word.trim() == "0")
        };
        assert!(configure("disable-thp", &SettingValue::Flag(true)));
        // Older kernels do not show it.
        assert_ne!(is_disabled(), Some(false));
        assert!(configure("disable-thp", &SettingValue::Flag(false)));
        assert_ne!(is_disabled(), Some(true));
        assert!(!configure("maxmemory", &SettingValue::Flag(true)));
    }
}
