//! Resident threads that share the tasks of one operation.
//!
//! A decoder step is some fifty products of 50 to 200 µs each, so the fork and the join must cost
//! single microseconds. Workers spin for [`SPIN`] after their last task and then sleep; the caller
//! works too; tasks are claimed one by one from a shared counter, so that a thread which the
//! system took away delays at most the task that it holds, and a worker that never woke delays
//! nobody.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a thread looks for work before it sleeps. Longer than the gaps between the operations
/// of a decoder step, short enough to leave a shared processor alone.
const SPIN: Duration = Duration::from_micros(40);

thread_local! {
    /// Whether this thread is inside a task: a nested fork runs on the spot instead of waiting for
    /// threads that may wait for it.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

type Task<'a> = dyn Fn(usize) + Sync + 'a;

/// The operation in progress.
#[derive(Clone, Copy)]
struct Job {
    task: *const Task<'static>,
    tasks: usize,
}

struct Shared {
    job: UnsafeCell<Option<Job>>,
    /// Tasks that nobody has claimed yet.
    unclaimed: AtomicUsize,
    /// Tasks that have not ended yet.
    pending: AtomicUsize,
    /// Workers from this number on leave the tasks alone.
    limit: AtomicUsize,
    stop: AtomicBool,
    /// Threads that sleep on `work`. Changed only under `sleep`.
    sleepers: AtomicUsize,
    /// Whether the caller sleeps on `done`. Changed only under `sleep`.
    caller_sleeps: AtomicBool,
    sleep: Mutex<()>,
    work: Condvar,
    done: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is written only by the caller that holds `Pool::turn`, while `pending` is 0, and
// read only by threads that hold a claimed task, which keeps `pending` above 0.
unsafe impl Send for Shared {}
// SAFETY: as for Send; every other field is synchronised by itself.
unsafe impl Sync for Shared {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No invariant spans a panic: tasks run outside every lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Claims a task for thread `number`, or returns `None` when none is left or it may not work.
    fn claim(&self, number: usize) -> Option<(Job, usize)> {
        let mut left = self.unclaimed.load(Ordering::Acquire);
        // The limit is read after the tasks, and set before them.
        while left > 0 && number < self.limit.load(Ordering::SeqCst) {
            match self.unclaimed.compare_exchange_weak(left, left - 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: this thread holds a claimed task, so the caller is still inside
                    // `run` and does not write the cell.
                    let job = unsafe { *self.job.get() }.expect("tasks exist only with a job");
                    return Some((job, job.tasks - left));
                }
                Err(now) => left = now,
            }
        }
        None
    }

    /// Runs tasks as thread `number` until none is left to claim.
    fn work(&self, number: usize) {
        while let Some((job, index)) = self.claim(number) {
            // SAFETY: the closure outlives this task: `run` returns only when `pending` is 0.
            let task = unsafe { &*job.task };
            IN_TASK.set(true);
            let result = catch_unwind(AssertUnwindSafe(|| task(index)));
            IN_TASK.set(false);
            if let Err(payload) = result {
                lock(&self.panic).get_or_insert(payload);
            }
            if self.pending.fetch_sub(1, Ordering::SeqCst) == 1 && self.caller_sleeps.load(Ordering::SeqCst) {
                let _guard = lock(&self.sleep);
                self.done.notify_one();
            }
        }
    }

    /// The life of worker `number`, from 1; the caller is number 0.
    fn worker(&self, number: usize) {
        loop {
            self.work(number);
            if spin_until(|| self.has_work(number)) {
                if self.stop.load(Ordering::SeqCst) {
                    return;
                }
                continue;
            }
            let mut guard = lock(&self.sleep);
            self.sleepers.fetch_add(1, Ordering::SeqCst);
            while !self.has_work(number) {
                guard = self.work.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn has_work(&self, number: usize) -> bool {
        let has_tasks = number < self.limit.load(Ordering::SeqCst) && self.unclaimed.load(Ordering::SeqCst) > 0;
        has_tasks || self.stop.load(Ordering::SeqCst)
    }

    /// Wakes at least `wanted` sleeping workers that may work.
    fn wake(&self, wanted: usize, workers: usize) {
        let sleepers = self.sleepers.load(Ordering::SeqCst);
        if sleepers > 0 {
            // Held so that a worker between its check and its wait is not missed.
            let _guard = lock(&self.sleep);
            // One that is woken alone may be one that leaves the tasks alone.
            if wanted >= sleepers || self.limit.load(Ordering::SeqCst) <= workers {
                self.work.notify_all();
            } else {
                (0..wanted).for_each(|_| self.work.notify_one());
            }
        }
    }

    fn wait_until_done(&self) {
        let done = || self.pending.load(Ordering::SeqCst) == 0;
        if spin_until(done) {
            return;
        }
        let mut guard = lock(&self.sleep);
        // An exchange and not a store: emulated ARM (qemu 7.2 on x86) lets a load overtake a store that goes before it, and
        // then neither this thread sees the last task end nor that one sees this thread sleep.
        self.caller_sleeps.swap(true, Ordering::SeqCst);
        while !done() {
            guard = self.done.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.caller_sleeps.store(false, Ordering::SeqCst);
    }
}

/// Spins until `ready` or for [`SPIN`]; says whether it was ready.
fn spin_until(ready: impl Fn() -> bool) -> bool {
    let mut start = None;
    loop {
        for _ in 0..64 {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.get_or_insert_with(Instant::now).elapsed() > SPIN {
            return false;
        }
    }
}

/// The threads of one [`Compute`](crate::Compute).
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// One operation at a time: a second caller waits for its turn.
    turn: Mutex<()>,
}

impl Pool {
    /// Starts `threads - 1` workers; the caller of [`run`](Self::run) is the last thread. Where the
    /// system refuses a thread, the pool goes on with those it has.
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(None),
            unclaimed: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            limit: AtomicUsize::new(threads.max(1)),
            stop: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            caller_sleeps: AtomicBool::new(false),
            sleep: Mutex::new(()),
            work: Condvar::new(),
            done: Condvar::new(),
            panic: Mutex::new(None),
        });
        let workers = (1..threads)
            .map_while(|i| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("noctule-{i}")).spawn(move || shared.worker(i)).ok()
            })
            .collect();
        Self { shared, workers, turn: Mutex::new(()) }
    }

    /// The threads that work on an operation, the caller included.
    pub(crate) fn threads(&self) -> usize {
        self.shared.limit.load(Ordering::SeqCst).min(self.workers.len() + 1)
    }

    /// Lets at most `threads` work from the next operation on; returns how many it were.
    pub(crate) fn limit(&self, threads: usize) -> usize {
        let _turn = lock(&self.turn);
        self.shared.limit.swap(threads.max(1), Ordering::SeqCst)
    }

    /// Calls `task(i)` once for every `i < tasks`, on any thread and in any order, and returns when
    /// all calls have. From inside a task it runs all of them on the spot.
    ///
    /// # Panics
    /// With the payload of the first task that panicked, after all other tasks ended.
    pub(crate) fn run(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        if tasks <= 1 || self.threads() == 1 || IN_TASK.get() {
            (0..tasks).for_each(task);
            return;
        }
        let _turn = lock(&self.turn);
        let erased: *const Task<'_> = &task;
        // SAFETY: only the lifetime changes. The pointer is used by claimed tasks alone, and this
        // function returns only when every claimed task has ended.
        let erased = unsafe { std::mem::transmute::<*const Task<'_>, *const Task<'static>>(erased) };
        // SAFETY: it is this caller's turn and `pending` is 0, so no thread reads the cell.
        unsafe {
            *self.shared.job.get() = Some(Job { task: erased, tasks });
        }
        self.shared.pending.store(tasks, Ordering::SeqCst);
        // An exchange, for the same reason as in `wait_until_done`: whoever sleeps is seen, or sees the tasks.
        self.shared.unclaimed.swap(tasks, Ordering::SeqCst);
        self.shared.wake(tasks - 1, self.workers.len());
        self.shared.work(0);
        self.shared.wait_until_done();
        let payload = lock(&self.shared.panic).take();
        if let Some(payload) = payload {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        {
            let _guard = lock(&self.shared.sleep);
            self.shared.work.notify_all();
        }
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its tasks and has none of its own.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3, 8] {
            let pool = Pool::new(threads);
            for tasks in [0, 1, 2, 7, 100] {
                let counts: Vec<AtomicU32> = (0..tasks).map(|_| AtomicU32::new(0)).collect();
                pool.run(tasks, |i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn sleeping_workers_wake() {
        let pool = Pool::new(3);
        for pause in [0, 1, 5] {
            std::thread::sleep(Duration::from_millis(pause));
            let sum = AtomicUsize::new(0);
            pool.run(50, |i| {
                sum.fetch_add(i, Ordering::Relaxed);
            });
            assert_eq!(sum.load(Ordering::Relaxed), 49 * 50 / 2);
        }
    }

    #[test]
    fn no_more_threads_work_than_may() {
        let pool = Pool::new(4);
        for (limit, before) in [(2, 4), (1, 2), (3, 1), (4, 3)] {
            assert_eq!((pool.limit(limit), pool.threads()), (before, limit));
            // Once while the workers still spin, once when they sleep.
            for pause in [0, 5] {
                std::thread::sleep(Duration::from_millis(pause));
                let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
                pool.run(30, |_| {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_micros(300));
                    now.fetch_sub(1, Ordering::SeqCst);
                });
                assert!(most.into_inner() <= limit);
            }
        }
    }

    #[test]
    fn a_sleeping_caller_wakes() {
        let pool = Pool::new(2);
        let seen = AtomicUsize::new(0);
        pool.run(2, |_| {
            // One of the two tasks ends long after the other's thread gave up spinning.
            let order = seen.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5 * order as u64));
        });
        assert_eq!(seen.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_caller_that_falls_asleep_sees_the_last_task_end() {
        let pool = Pool::new(2);
        let ended = AtomicUsize::new(0);
        for round in 0..400 {
            // The other thread's task ends about when the caller gives up spinning; one that is missed hangs.
            let pause = SPIN / 2 + SPIN * (round % 50) / 50;
            let order = AtomicUsize::new(0);
            pool.run(2, |_| {
                let start = Instant::now();
                let is_last = order.fetch_add(1, Ordering::SeqCst) == 1;
                while is_last && start.elapsed() < pause {
                    std::hint::spin_loop();
                }
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
        assert_eq!(ended.load(Ordering::SeqCst), 800);
    }

    #[test]
    fn panics_reach_the_caller_and_the_pool_lives_on() {
        for threads in [1, 3] {
            let pool = Pool::new(threads);
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.run(20, |i| assert!(i != 13, "task thirteen"));
            }));
            let payload = result.expect_err("task 13 panics");
            let message = payload.downcast_ref::<&str>().expect("a literal message");
            assert!(message.contains("thirteen"));
            let sum = AtomicUsize::new(0);
            pool.run(20, |i| {
                sum.fetch_add(i, Ordering::Relaxed);
            });
            assert_eq!(sum.load(Ordering::Relaxed), 190);
        }
    }

    #[test]
    fn nested_and_concurrent_calls_end() {
        let pool = Pool::new(3);
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        pool.run(4, |_| {
                            pool.run(3, |i| {
                                sum.fetch_add(i, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(sum.load(Ordering::Relaxed), 3 * 50 * 4 * 3);
    }
}
