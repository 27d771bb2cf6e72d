//! Tests with Debian's snmpd, snmptrapd and SNMP tools (packages `snmpd`, `snmptrapd`, `snmp`). Each test
//! runs its own daemons with its own directory and ports. Without the packages these tests fail.

#[cfg(test)]
mod agent;
#[cfg(test)]
mod field;
#[cfg(test)]
mod tests;
