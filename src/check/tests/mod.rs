//! Tests of the machines: a site of services in virtual time, and the rules one by one.

mod chaos;
mod http;
mod indices;
mod pools;
mod reload;
mod site;
mod storm;
mod timing;
