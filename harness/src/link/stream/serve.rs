//! A pipe from the client's connect to the end of both of its lanes.
//!
//! Invariant: an upstream that cannot be reached is a reset: a link invents no answer.
//! Invariant: generic over byte streams, as the rest of the link is.
//! Not here: moving bytes (`lane`), which faults take a pipe (`proxy`).

use super::lane;
use super::{Pipe, Way};
use crate::link::conn::Stream;
use crate::link::proxy::Proxy;
use crate::link::relay::Dial;
use std::rc::Rc;

/// Forgets a pipe, whatever ends its task; what is still open then is reset.
struct Registered(Rc<Proxy>, Rc<Pipe>);

impl Drop for Registered {
    fn drop(&mut self) {
        self.1.cut();
        self.0.forget_pipe(&self.1);
    }
}

/// Serves a new connection of a client to its end.
pub(crate) async fn serve(proxy: Rc<Proxy>, client: Box<dyn Stream>, dial: Dial) {
    let pipe = proxy.open_pipe(client);
    let registered = Registered(Rc::clone(&proxy), Rc::clone(&pipe));
    // One that is kept in the dark, or was reset at once, needs no upstream.
    let needs = || !pipe.is_severed() && !pipe.client.is_gone();
    if needs() {
        match dial().await {
            // A fault may have come while it was dialled.
            Ok(upstream) if needs() => pipe.upstream.put(upstream),
            Ok(_) => {}
            Err(_) if pipe.is_severed() => {}
            Err(_) => return,
        }
    }
    tokio::join!(lane::run(&proxy, &pipe, Way::Up), lane::run(&proxy, &pipe, Way::Down));
    // Both ends have been told of the end, or were reset.
    pipe.upstream.close();
    pipe.client.close();
    drop(registered);
}
