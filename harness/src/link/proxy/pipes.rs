//! The pipes of a link that nobody looks into: opened, asked about, forgotten.
//!
//! Invariant: each fault is asked about each pipe once each time that it is on.
//! Not here: what faults do to a pipe (`stream`), requests (`way`).

use super::super::LinkEvent;
use super::super::conn::Stream;
use super::super::stream::Pipe;
use super::Proxy;
use std::rc::Rc;

impl Proxy {
    /// A new connection of a client.
    pub(crate) fn open_pipe(&self, client: Box<dyn Stream>) -> Rc<Pipe> {
        let id = self.conns_made.get();
        self.conns_made.set(id + 1);
        let pipe = Rc::new(Pipe::new(id, client));
        self.pipes.borrow_mut().insert(id, Rc::clone(&pipe));
        self.counters.opened();
        for fault in self.active() {
            self.ask(fault, &pipe);
        }
        pipe
    }

    /// Its end.
    pub(crate) fn forget_pipe(&self, pipe: &Pipe) {
        if self.pipes.borrow_mut().remove(&pipe.id).is_some() {
            self.counters.closed();
        }
    }

    /// These faults have done something to a pipe, each for the first time.
    pub(crate) fn affects(&self, faults: &[usize]) {
        for fault in faults {
            let at = self.shared.clock.now();
            if self.board.borrow_mut().affects(*fault, false, at) {
                self.tell(LinkEvent::FirstAffected { fault: *fault, at });
            }
        }
    }

    /// Bytes have come down: whatever was cleared is seen to be gone.
    pub(crate) fn flowed(&self) {
        for fault in self.board.borrow_mut().flowed() {
            self.tell(LinkEvent::FirstUnaffected { fault, at: self.shared.clock.now() });
        }
    }

    /// Asks a fault about a pipe.
    fn ask(&self, fault: usize, pipe: &Pipe) {
        let asked = self.board.borrow_mut().ask_flow(fault);
        if let Some((flow, rules, nth)) = asked
            && pipe.take(fault, flow, rules, nth)
        {
            self.affects(&[fault]);
        }
    }

    /// Asks a new fault about all.
    pub(super) fn ask_all(&self, fault: usize) {
        let pipes: Vec<Rc<Pipe>> = self.pipes.borrow().values().cloned().collect();
        pipes.iter().for_each(|pipe| self.ask(fault, pipe));
    }

    /// Resets all; gives how many were open, and how many of these in use.
    pub(super) fn cut_all(&self) -> (u64, u64) {
        let pipes: Vec<Rc<Pipe>> = self.pipes.borrow().values().cloned().collect();
        let open = pipes.iter().filter(|pipe| !pipe.client.is_gone());
        let used = open.clone().filter(|pipe| pipe.in_use()).count() as u64;
        let open = open.count() as u64;
        pipes.iter().for_each(|pipe| pipe.cut());
        (open, used)
    }

    /// A fault is over for all.
    pub(super) fn free_all(&self, fault: usize) {
        let pipes: Vec<Rc<Pipe>> = self.pipes.borrow().values().cloned().collect();
        pipes.iter().for_each(|pipe| pipe.free(fault));
    }
}
