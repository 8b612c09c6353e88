//! The way of a message. `flow` is the whole order on one screen; nothing else calls a stage.

mod amending;
mod answer;
mod arguing;
mod core;
mod defining;
mod exchange;
mod explain;
mod finish;
pub mod flow;
mod home;
mod keying;
mod limiting;
mod lookup;
mod mirroring;
pub mod pair;
mod policy;
mod redacting;
mod relay;
mod ruling;
mod shown;
pub mod stopping;
mod told;
mod way;

pub use answer::{Answer, Head};
pub use core::{Behind, Bounds, Core, Route, Server};
pub use exchange::Arrival;
pub use explain::{Door, House, STAGES, explain};
pub use finish::{Ending, Finish};
pub use keying::{Expressions, Keying};
pub use lookup::Lookup;
pub use mirroring::{Line, Mirrors};
pub use policy::Policy;
pub use relay::{Relay, Step};

#[cfg(test)]
mod tests;
