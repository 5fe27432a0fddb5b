//! What others make of what is sent: services that are strict about their documentation, and programs in other languages
//! that check signatures.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod events;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod service;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod verifiers;
