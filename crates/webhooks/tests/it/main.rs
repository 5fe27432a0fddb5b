//! Calls over real sockets, to receivers that behave and that do not.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod blind;
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
mod http2;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod purging;
#[cfg(test)]
mod receiver;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod sender;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod together;
#[cfg(test)]
mod watch;
