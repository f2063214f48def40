//! The HTTP service.
//!
//! A request is decoded straight into a [`Frame`](foretell_frame::Frame), the engine predicts it, and the
//! predictions are encoded; nothing else about models is known here. [`run`] serves until it is told to stop.
//!
//! Where things are:
//! * `router`: every path, and which handler answers it. A new endpoint is a variant of `Route` there.
//! * `service`: what happens to every request: id, CORS, admission, body, handler, compression, log.
//! * `problem`: every way in which a request fails, in one table.
//! * `predict`: the native prediction API.
//! * `custom`, `datasets`: the endpoints and tables of the configuration.
//! * `health`, `models`, `metrics`, `openapi`, `pages`: what the service says of itself; `describe` gathers it.
//! * `admin`: the registry and the keys over HTTP.
//! * `tls`, `rate`, `auth`, `turn`: who gets as far as to ask.
//! * `serve`, `connection`: sockets, threads, timeouts, the end of the service.

mod admin;
mod auth;
mod body;
mod compress;
pub mod config;
mod connection;
mod cors;
mod custom;
mod datasets;
mod describe;
mod expression;
mod feedback;
mod health;
pub mod log;
mod metrics;
mod models;
mod openapi;
mod pages;
mod path;
mod predict;
mod problem;
mod quality;
mod rate;
mod reply;
mod request;
mod router;
mod serve;
mod service;
mod state;
mod tls;
mod turn;

pub use config::Config;
pub use custom::RouteError;
pub use datasets::DatasetStartError;
pub use path::PatternError;
pub use predict::{Form as BodyForm, decode_body, decode_json_slowly};
pub use serve::{BindError, Listeners, Parts, RunError, bind, run};
pub use tls::TlsError;
