//! Both ways to make an attempt: one that is awaited, one that goes on when it is asked.

use super::*;
use crate::client::Written;
use crate::client::lean::{Scratch, Task, give_up, go_on, open, reuse};

/// A way to make an attempt, held against the same peers as the other.
pub(super) trait Tried: Sized {
    async fn attempt(
        clock: &Clock,
        limits: &Limits,
        kept: Option<Self>,
        request: Rendered,
        began: impl FnMut(At),
    ) -> (Exchange, Option<Self>);

    fn is_usable(&mut self) -> bool;
}

impl Tried for Connection {
    async fn attempt(
        clock: &Clock,
        limits: &Limits,
        kept: Option<Connection>,
        request: Rendered,
        began: impl FnMut(At),
    ) -> (Exchange, Option<Connection>) {
        super::super::attempt(clock, limits, kept, request.request(0, false), began).await
    }

    fn is_usable(&mut self) -> bool {
        Connection::is_usable(self)
    }
}

impl Tried for Wire {
    async fn attempt(
        clock: &Clock,
        limits: &Limits,
        kept: Option<Wire>,
        request: Rendered,
        mut began: impl FnMut(At),
    ) -> (Exchange, Option<Wire>) {
        let (written, mut scratch) = (Written::new(&request, true), Scratch::default());
        let task = Task { clock, limits, written: &written, k: 0, warmup: false };
        let reused =
            kept.and_then(|mut wire| reuse(&task, &mut wire, At(0), &mut began).then_some(wire));
        let mut wire = match reused.map_or_else(|| open(&task, &mut began), Ok) {
            Ok(wire) => wire,
            Err(exchange) => return (*exchange, None),
        };
        loop {
            let end = go_on(&task, &mut wire, false, &mut scratch, &mut began);
            if let Some(exchange) = end {
                return (exchange, if wire.rests() { Some(wire) } else { None });
            }
            if clock.now() >= wire.deadline() {
                return (give_up(clock, limits, &mut wire), None);
            }
            // It asks again and again instead of waiting for the kernel's word.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    fn is_usable(&mut self) -> bool {
        Wire::is_usable(self)
    }
}

/// One attempt that way.
pub(super) async fn attempt<T: Tried>(
    clock: &Clock,
    limits: &Limits,
    kept: Option<T>,
    request: Rendered,
    began: impl FnMut(At),
) -> (Exchange, Option<T>) {
    T::attempt(clock, limits, kept, request, began).await
}
