//! Messages of SNMPv3 (RFC 3412 section 6) with the User-based Security Model (RFC 3414 section 2.4).

use asn1_rs::{Class, Tag};

use super::ber::Reader;
use super::usm::{self, Auth};
use super::{Answer, Malformed, ber};

/// msgVersion.
const VERSION: i32 = 3;
/// msgSecurityModel of USM.
const USM: i32 = 3;
/// msgMaxSize: the longest message that we take.
const MAX_SIZE: i32 = 2048;

/// msgFlags: the message is authenticated.
const AUTHENTICATED: u8 = 1;
/// msgFlags: the message is encrypted.
const PRIVATE: u8 = 2;
/// msgFlags: the receiver may answer with a report.
const REPORTABLE: u8 = 4;

/// The keys of a user for an engine. `Debug` never shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// The key for HMACs; `None`: messages are not authenticated.
    pub auth: Option<(Auth, Vec<u8>)>,
    /// The key for AES; `None`: messages are not encrypted.
    pub privacy: Option<Vec<u8>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// The fields of a message besides its PDU and its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'h> {
    /// msgID.
    pub id: i32,
    /// Whether the receiver may answer with a report.
    pub reportable: bool,
    /// msgAuthoritativeEngineID.
    pub engine: &'h [u8],
    /// msgAuthoritativeEngineBoots.
    pub boots: i32,
    /// msgAuthoritativeEngineTime.
    pub time: i32,
    /// msgUserName.
    pub user: &'h [u8],
}

/// Encodes a message. `context_engine`: contextEngineID; `salt` must differ from that of any other message with these keys.
///
/// # Errors
/// It is too long, or the library refuses the cryptography.
pub fn encode(
    header: &Header<'_>,
    context_engine: &[u8],
    pdu: &[u8],
    keys: &Keys,
    salt: [u8; 8],
) -> Result<Vec<u8>, Malformed> {
    let mut scoped = Vec::new();
    ber::octets(&mut scoped, context_engine)?;
    // contextName: the default context.
    ber::octets(&mut scoped, &[])?;
    scoped.extend_from_slice(pdu);
    let mut data = Vec::new();
    ber::sequence(&mut data, &scoped)?;
    if let Some(key) = &keys.privacy {
        let secret = usm::encrypt(key, header.boots, header.time, salt, &data)?;
        data.clear();
        ber::octets(&mut data, &secret)?;
    }
    let code_length = keys.auth.as_ref().map_or(0, |(auth, _)| auth.code_length());
    let mut privacy = Vec::new();
    ber::octets(&mut privacy, if keys.privacy.is_some() { &salt } else { &[] })?;
    let mut parameters = Vec::new();
    ber::octets(&mut parameters, header.engine)?;
    ber::integer(&mut parameters, header.boots)?;
    ber::integer(&mut parameters, header.time)?;
    ber::octets(&mut parameters, header.user)?;
    ber::octets(&mut parameters, &vec![0; code_length])?;
    parameters.extend_from_slice(&privacy);
    let mut security = Vec::new();
    ber::sequence(&mut security, &parameters)?;

    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags = flag(keys.auth.is_some(), AUTHENTICATED)
        | flag(keys.privacy.is_some(), PRIVATE)
        | flag(header.reportable, REPORTABLE);
    let mut global = Vec::new();
    ber::integer(&mut global, header.id)?;
    ber::integer(&mut global, MAX_SIZE)?;
    ber::octets(&mut global, &[flags])?;
    ber::integer(&mut global, USM)?;
    let mut inside = Vec::new();
    ber::integer(&mut inside, VERSION)?;
    ber::sequence(&mut inside, &global)?;
    ber::octets(&mut inside, &security)?;
    inside.extend_from_slice(&data);
    let mut out = Vec::new();
    ber::sequence(&mut out, &inside)?;

    if let Some((auth, key)) = &keys.auth {
        let code = auth.code(key, &out)?;
        // The code is before the parameters of privacy and the data.
        let end = out.len().checked_sub(data.len() + privacy.len()).ok_or(Malformed)?;
        let place = end.checked_sub(code_length).and_then(|start| out.get_mut(start..end)).ok_or(Malformed)?;
        place.copy_from_slice(&code);
    }
    Ok(out)
}

/// A message that was received; its PDU is not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received<'m> {
    /// msgID.
    pub id: i32,
    /// msgAuthoritativeEngineID.
    pub engine: &'m [u8],
    /// msgAuthoritativeEngineBoots.
    pub boots: i32,
    /// msgAuthoritativeEngineTime.
    pub time: i32,
    /// msgUserName.
    pub user: &'m [u8],
    message: &'m [u8],
    flags: u8,
    code: &'m [u8],
    salt: &'m [u8],
    data: &'m [u8],
}

/// A PDU, and how it was protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The PDU.
    pub answer: Answer,
    /// It was authenticated with the key.
    pub authentic: bool,
    /// It was encrypted with the key.
    pub private: bool,
}

impl<'m> Received<'m> {
    /// Splits a message into its fields.
    ///
    /// # Errors
    /// The octets are not such a message.
    pub fn decode(message: &'m [u8]) -> Result<Self, Malformed> {
        let mut inside = Reader::new(message).sequence()?;
        if inside.integer()? != VERSION {
            return Err(Malformed);
        }
        let mut global = inside.sequence()?;
        let (id, _max_size) = (global.integer()?, global.integer()?);
        let [flags] = *global.octets()? else { return Err(Malformed) };
        if global.integer()? != USM {
            return Err(Malformed);
        }
        let mut security = Reader::new(inside.octets()?).sequence()?;
        let (engine, boots, time) = (security.octets()?, security.integer()?, security.integer()?);
        let (user, code, salt) = (security.octets()?, security.octets()?, security.octets()?);
        let tag = if flags & PRIVATE == 0 { Tag::Sequence } else { Tag::OctetString };
        let data = inside.content(Class::Universal, tag.0)?;
        Ok(Received { id, engine, boots, time, user, message, flags, code, salt, data })
    }

    /// Checks the protection of the message, and reads its PDU.
    ///
    /// # Errors
    /// The message is not authentic, cannot be decrypted, or has no PDU of an answer.
    pub fn open(&self, keys: &Keys) -> Result<Opened, Malformed> {
        let authentic = self.flags & AUTHENTICATED != 0;
        let private = self.flags & PRIVATE != 0;
        if authentic {
            let (auth, key) = keys.auth.as_ref().ok_or(Malformed)?;
            let start = offset(self.message, self.code).ok_or(Malformed)?;
            let mut message = self.message.to_vec();
            message.get_mut(start..start + self.code.len()).ok_or(Malformed)?.fill(0);
            if !usm::is_equal(&auth.code(key, &message)?, self.code) {
                return Err(Malformed);
            }
        }
        let plain;
        let mut scoped = if private {
            let salt = self.salt.try_into().map_err(|_| Malformed)?;
            let key = keys.privacy.as_ref().filter(|_| authentic).ok_or(Malformed)?;
            plain = usm::decrypt(key, self.boots, self.time, salt, self.data)?;
            Reader::new(&plain).sequence()?
        } else {
            Reader::new(self.data)
        };
        scoped.octets()?;
        scoped.octets()?;
        Ok(Opened { answer: Answer::decode(&mut scoped)?, authentic, private })
    }
}

/// Where `part`, a part of `whole`, starts in it.
fn offset(whole: &[u8], part: &[u8]) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (start.checked_add(part.len())? <= whole.len()).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::pdu;

    fn keys(privacy: bool) -> Keys {
        Keys { auth: Some((Auth::Sha256, vec![5; 32])), privacy: privacy.then(|| vec![6; 32]) }
    }

    fn message(keys: &Keys) -> Vec<u8> {
        let header = Header { id: 77, reportable: true, engine: b"engine", boots: 3, time: 400, user: b"user" };
        let response = pdu::encode(2, 77, &[]).unwrap();
        encode(&header, b"context", &response, keys, *b"saltsalt").unwrap()
    }

    #[test]
    fn a_message_is_read_with_its_keys() {
        let answer = Answer::Response { request: 77, error: 0 };
        for keys in [Keys::default(), keys(false), keys(true)] {
            let octets = message(&keys);
            let received = Received::decode(&octets).unwrap();
            let fields = (received.id, received.engine, received.boots, received.time, received.user);
            assert_eq!(fields, (77, &b"engine"[..], 3, 400, &b"user"[..]));
            let (authentic, private) = (keys.auth.is_some(), keys.privacy.is_some());
            assert_eq!(received.open(&keys), Ok(Opened { answer: answer.clone(), authentic, private }));
        }
    }

    #[test]
    fn a_changed_message_or_another_key_is_noticed() {
        let octets = message(&keys(true));
        for at in 0..octets.len() {
            let mut changed = octets.clone();
            changed[at] ^= 1;
            let opened = Received::decode(&changed).and_then(|received| received.open(&keys(true)));
            assert!(opened.is_err(), "octet {at}");
        }
        let other = Keys { auth: Some((Auth::Sha256, vec![4; 32])), ..keys(true) };
        assert_eq!(Received::decode(&octets).unwrap().open(&other), Err(Malformed));
        assert_eq!(Received::decode(&octets).unwrap().open(&keys(false)), Err(Malformed), "not decrypted");
        let other = Keys { privacy: Some(vec![4; 32]), ..keys(true) };
        assert_eq!(Received::decode(&octets).unwrap().open(&other), Err(Malformed));
        for cut in 0..octets.len() {
            assert!(Received::decode(&octets[..cut]).and_then(|received| received.open(&keys(true))).is_err());
        }
    }
}
