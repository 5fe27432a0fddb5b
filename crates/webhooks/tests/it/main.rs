//! Calls over real sockets, to receivers that behave and that do not.

#[cfg(test)]
#[cfg(target_os = "linux")]
mod connecting;
#[cfg(test)]
mod dns;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod sender;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod watch;
