//! Work that may wait for everything else.

use thread_priority::ThreadPriority;
#[cfg(target_os = "linux")]
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// Gives this thread, and all that it will start, the lowest priority there is: they run while no other wants the
/// processor. It works without as well.
pub fn step_back() {
    #[cfg(target_os = "linux")]
    let done = set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
    );
    #[cfg(not(target_os = "linux"))]
    let done = ThreadPriority::Min.set_for_current();
    if let Err(error) = done {
        tracing::debug!(%error, "the priority of work that may wait stays as it is");
    }
}
