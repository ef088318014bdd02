//! Counts on several threads: the parts of one long text ([`Workers`]), or many texts in order ([`map`]).
//!
//! Parts end where a tokenizer always ends a piece, so their counts add up to the same sum in any order and on any
//! number of threads. Memory stays flat: a part waits until a thread is free for it.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::cut;
use super::{TokenCount, Tokenizer};

/// Parts that wait for each thread at most.
const WAITING: usize = 4;

/// How many threads this machine runs at once; 1 where it does not say.
#[must_use]
pub fn available() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// A part of a text on its way to a thread.
struct ParallelPart {
    text: String,
    /// Whether it ends where no piece does.
    forced: bool,
    /// Whether another part goes before it.
    follows: bool,
}

/// Threads that count the parts of one text.
pub(crate) struct Workers {
    parts: SyncSender<ParallelPart>,
    threads: Vec<JoinHandle<TokenCount>>,
}

impl Workers {
    /// Starts so many threads, or `None` where the system refuses even one.
    #[must_use]
    pub(crate) fn start(tokenizer: &Arc<dyn Tokenizer>, threads: usize) -> Option<Workers> {
        let (parts, waiting) = sync_channel(threads.saturating_mul(WAITING));
        let waiting = Arc::new(Mutex::new(waiting));
        let start = |_| {
            let (tokenizer, waiting) = (tokenizer.clone(), waiting.clone());
            thread::Builder::new().spawn(move || count_all(&*tokenizer, &waiting)).ok()
        };
        let threads: Vec<_> = (0..threads).filter_map(start).collect();
        (!threads.is_empty()).then_some(Workers { parts, threads })
    }

    /// Hands over the next part, once there is room for it.
    pub(crate) fn push(&self, text: &str, forced: bool, follows: bool) {
        // Nobody listens only where a thread has panicked, which `finish` passes on.
        let _ = self.parts.send(ParallelPart { text: text.to_owned(), forced, follows });
    }

    /// Waits for all parts and adds them up.
    ///
    /// # Panics
    /// When a thread has, with what it said.
    #[must_use]
    pub(crate) fn finish(self) -> TokenCount {
        drop(self.parts);
        let mut total = TokenCount::default();
        for thread in self.threads {
            match thread.join() {
                Ok(count) => total += count,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        total
    }
}

fn count_all(tokenizer: &dyn Tokenizer, waiting: &Mutex<Receiver<ParallelPart>>) -> TokenCount {
    let mut total = TokenCount::default();
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(ParallelPart { text, forced, follows }) = next() {
        let count = |part: &str| if follows { tokenizer.count_rest(part) } else { tokenizer.count(part) };
        total += cut::part(&text, forced, count);
    }
    total
}

/// Does the same for many items on several threads; the answers come in the order of the items.
///
/// # Panics
/// When `answer` does.
pub fn map<T: Sync, A: Send>(threads: usize, items: &[T], answer: impl Fn(&T) -> A + Sync) -> Vec<A> {
    let each = items.len().div_ceil(threads.max(1)).max(1);
    if threads <= 1 || items.len() <= 1 {
        return items.iter().map(answer).collect();
    }
    let answer = &answer;
    thread::scope(|scope| {
        let run = |some| scope.spawn(move || <[T]>::iter(some).map(answer).collect::<Vec<A>>());
        let running: Vec<_> = items.chunks(each).map(run).collect();
        let wait = |thread: thread::ScopedJoinHandle<'_, Vec<A>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().flat_map(wait).collect()
    })
}

/// Does the same for a few items, each on a thread of its own; the answers come in the order of the items.
///
/// # Panics
/// When `answer` does.
pub fn each<T: Send, A: Send>(items: Vec<T>, answer: impl Fn(T) -> A + Sync) -> Vec<A> {
    if items.len() <= 1 {
        return items.into_iter().map(answer).collect();
    }
    let answer = &answer;
    thread::scope(|scope| {
        let running: Vec<_> = items.into_iter().map(|item| scope.spawn(move || answer(item))).collect();
        let wait = |thread: thread::ScopedJoinHandle<'_, A>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().map(wait).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StreamCounter, load};

    #[test]
    fn the_sum_is_the_same_on_any_number_of_threads() {
        let text = "It counts 123 words, ещё слова, 还有一些字。\n".repeat(60_000);
        for name in ["o200k_base", "claude_legacy"] {
            let tokenizer = load(name).unwrap();
            let text = &text[..if name == "o200k_base" { text.len() } else { text.len() / 60_000 * 30_000 }];
            let one = tokenizer.count(text);
            for threads in [1, 2, 5] {
                let mut counter = StreamCounter::with_threads(tokenizer.clone(), Some(threads));
                counter.push(text);
                assert_eq!(counter.finish(), one, "{name} {threads}");
            }
        }
    }

    #[test]
    fn answers_come_in_order() {
        let items: Vec<u32> = (0..1_000).collect();
        for threads in [0, 1, 3, 2_000] {
            assert_eq!(map(threads, &items, |n| n * 2), items.iter().map(|n| n * 2).collect::<Vec<_>>());
        }
        assert!(map(4, &[], |n: &u32| *n).is_empty());
        let mut sums = [0, 0, 0];
        assert_eq!(each(sums.iter_mut().zip(1..).collect(), |(sum, n)| std::mem::replace(sum, n)), [0, 0, 0]);
        assert_eq!(sums, [1, 2, 3]);
    }
}
