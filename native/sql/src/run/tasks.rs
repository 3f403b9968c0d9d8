//! Turns of the tasks that operators spawn on the run's own runtime, and the flag by which a plan says that it can go on.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake};

use super::queue::LeafQueues;

/// Notes that the plan can go on.
#[derive(Default)]
pub(super) struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Woken {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Lets the tasks that operators spawned run until each waits. A task that yields in between gets another turn as long
/// as turns bring anything: a batch from a leaf, or the plan's own wake.
pub(super) async fn let_tasks_run(queues: &LeafQueues, woken: &Woken) {
    loop {
        let served = queues.served();
        yield_once().await;
        if woken.is_set() || queues.served() == served {
            return;
        }
        queues.begin_slice();
    }
}

/// Gives the other tasks of the runtime one turn.
pub(super) async fn yield_once() {
    let mut turned = false;
    poll_fn(|context| {
        if turned {
            return Poll::Ready(());
        }
        turned = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
