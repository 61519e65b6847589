//! A link between real sockets on loopback, and once between scripted streams on a paused clock.

mod answers;
mod early;
mod edges;
mod framing;
mod http;
mod paused;
mod peers;
mod streams;
mod unsaid;
mod watched;
