//! With Debian's snmpd, snmptrapd and SNMP tools (packages `snmpd`, `snmptrapd`, `snmp`), private to each
//! test: own directory, own ports. Without them these tests fail.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod field;
#[cfg(test)]
mod tests;
