//! What a thread remembers of the vocabularies it counts with: [`with`].

use std::cell::RefCell;
use std::thread::LocalKey;

/// Memories by the number of what they are for, the one that was used last at the end.
pub(crate) type Memories<T> = RefCell<Vec<(usize, T)>>;

/// Works with what this thread remembers of something, or with an empty memory of it.
///
/// * `kept`: memories that a thread keeps; one more pushes out the one that was used the longest time ago.
/// * `number`: what it is a memory of.
pub(crate) fn with<T: Default, R>(
    memories: &'static LocalKey<Memories<T>>,
    kept: usize,
    number: usize,
    work: impl FnOnce(&mut T) -> R,
) -> R {
    // It is taken out while it is used, so that the work may count with something else.
    let held = memories.with_borrow_mut(|all| {
        let at = all.iter().position(|(held, _)| *held == number)?;
        Some(all.remove(at).1)
    });
    let mut memory = held.unwrap_or_default();
    let done = work(&mut memory);
    memories.with_borrow_mut(|all| {
        if all.len() >= kept {
            all.remove(0);
        }
        all.push((number, memory));
    });
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static MEMORIES: Memories<u32> = const { RefCell::new(Vec::new()) };
    }

    #[test]
    fn the_one_that_was_used_longest_ago_is_forgotten() {
        let add = |number| {
            with(&MEMORIES, 2, number, |times| {
                *times += 1;
                *times
            })
        };
        assert_eq!([add(1), add(1), add(2), add(1)], [1, 2, 1, 3]);
        // The third pushes 2 out, not 1.
        assert_eq!([add(3), add(1), add(2)], [1, 4, 1]);
    }
}
