//! The service over real sockets.

mod bodies;
mod client;
mod connections;
mod exchange;
mod faults;
mod hostile;
mod keys;
mod limits;
mod rollouts;
mod tls;
