//! Tests of the machine: a site of services in virtual time, and single rules.

mod chaos;
mod http;
mod indices;
mod pools;
mod reload;
pub(super) mod site;
mod storm;
mod timing;
