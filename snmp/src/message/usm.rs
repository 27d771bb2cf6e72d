//! The cryptography of the User-based Security Model: keys (RFC 3414 section 2.6), HMACs (RFC 3414 section 6, RFC 7860) and
//! AES-128 in CFB mode (RFC 3826).

use openssl::error::ErrorStack;
use openssl::hash::{Hasher, MessageDigest};
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{self, Cipher};

use super::Malformed;

/// Octets of the repeated password from which a key is made.
const PASSWORD_OCTETS: usize = 1 << 20;

/// Octets of a key of AES-128.
const AES_KEY: usize = 16;

impl From<ErrorStack> for Malformed {
    fn from(_: ErrorStack) -> Self {
        Malformed
    }
}

/// An authentication protocol: HMAC with this hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// usmHMACSHAAuthProtocol, HMAC-SHA-96.
    Sha1,
    /// usmHMAC128SHA224AuthProtocol.
    Sha224,
    /// usmHMAC192SHA256AuthProtocol.
    Sha256,
    /// usmHMAC256SHA384AuthProtocol.
    Sha384,
    /// usmHMAC384SHA512AuthProtocol.
    Sha512,
}

impl Auth {
    fn digest(self) -> MessageDigest {
        match self {
            Auth::Sha1 => MessageDigest::sha1(),
            Auth::Sha224 => MessageDigest::sha224(),
            Auth::Sha256 => MessageDigest::sha256(),
            Auth::Sha384 => MessageDigest::sha384(),
            Auth::Sha512 => MessageDigest::sha512(),
        }
    }

    /// Octets of msgAuthenticationParameters.
    pub fn code_length(self) -> usize {
        match self {
            Auth::Sha1 => 12,
            Auth::Sha224 => 16,
            Auth::Sha256 => 24,
            Auth::Sha384 => 32,
            Auth::Sha512 => 48,
        }
    }

    /// The user's key, from the password. It takes a few milliseconds.
    ///
    /// # Errors
    /// The password is empty, or the library refuses the hash.
    pub fn key(self, password: &[u8]) -> Result<Vec<u8>, Malformed> {
        if password.is_empty() {
            return Err(Malformed);
        }
        let mut hasher = Hasher::new(self.digest())?;
        // A whole number of passwords at a time.
        let piece = password.repeat(4096_usize.div_ceil(password.len()));
        let mut left = PASSWORD_OCTETS;
        while left > 0 {
            let part = piece.get(..left).unwrap_or(&piece);
            hasher.update(part)?;
            left = left.saturating_sub(part.len());
        }
        Ok(hasher.finish()?.to_vec())
    }

    /// The key for an engine, from the user's key.
    ///
    /// # Errors
    /// The library refuses the hash.
    pub fn localized(self, key: &[u8], engine: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut hasher = Hasher::new(self.digest())?;
        for part in [key, engine, key] {
            hasher.update(part)?;
        }
        Ok(hasher.finish()?.to_vec())
    }

    /// msgAuthenticationParameters of a message in which they are zero.
    ///
    /// # Errors
    /// The library refuses the hash.
    pub fn code(self, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let key = PKey::hmac(key)?;
        let mut code = Signer::new(self.digest(), &key)?.sign_oneshot_to_vec(message)?;
        code.truncate(self.code_length());
        Ok(code)
    }
}

/// Whether two codes are equal, in a time that does not depend on them.
pub fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && memcmp::eq(a, b)
}

/// Encrypts with a localized key.
///
/// # Errors
/// The key is too short, or the library refuses the cipher.
pub fn encrypt(key: &[u8], boots: i32, time: i32, salt: [u8; 8], plain: &[u8]) -> Result<Vec<u8>, Malformed> {
    let key = key.get(..AES_KEY).ok_or(Malformed)?;
    Ok(symm::encrypt(Cipher::aes_128_cfb128(), key, Some(&vector(boots, time, salt)), plain)?)
}

/// Decrypts with a localized key. With a wrong key the result is no message.
///
/// # Errors
/// The key is too short, or the library refuses the cipher.
pub fn decrypt(key: &[u8], boots: i32, time: i32, salt: [u8; 8], octets: &[u8]) -> Result<Vec<u8>, Malformed> {
    let key = key.get(..AES_KEY).ok_or(Malformed)?;
    Ok(symm::decrypt(Cipher::aes_128_cfb128(), key, Some(&vector(boots, time, salt)), octets)?)
}

/// The initialization vector (RFC 3826 section 3.1.2.1).
fn vector(boots: i32, time: i32, salt: [u8; 8]) -> Vec<u8> {
    [&boots.to_be_bytes()[..], &time.to_be_bytes(), &salt].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINE: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

    /// RFC 3414 appendix A.3.2.
    #[test]
    fn the_key_of_a_password_is_that_of_the_rfc() {
        let key = Auth::Sha1.key(b"maplesyrup").unwrap();
        let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        assert_eq!(hex(&key), "9fb5cc0381497b3793528939ff788d5d79145211");
        assert_eq!(hex(&Auth::Sha1.localized(&key, &ENGINE).unwrap()), "6695febc9288e36282235fc7151f128497b38f3f");
        assert_eq!(Auth::Sha256.key(b""), Err(Malformed));
    }

    /// RFC 4231 section 4.2, cut as in RFC 7860.
    #[test]
    fn codes_are_cut() {
        let key = [0x0b; 20];
        let start = |auth: Auth| auth.code(&key, b"Hi There").unwrap();
        assert_eq!(start(Auth::Sha256).get(..4), Some(&[0xb0, 0x34, 0x4c, 0x61][..]));
        assert_eq!(start(Auth::Sha512).get(..4), Some(&[0x87, 0xaa, 0x7c, 0xde][..]));
        for auth in [Auth::Sha1, Auth::Sha224, Auth::Sha256, Auth::Sha384, Auth::Sha512] {
            assert_eq!(start(auth).len(), auth.code_length());
        }
    }

    #[test]
    fn decryption_is_the_inverse_of_encryption() {
        let key = [7; 20];
        let secret = encrypt(&key, 3, 4, *b"saltsalt", b"a text of any length").unwrap();
        assert_ne!(secret, b"a text of any length");
        assert_eq!(decrypt(&key, 3, 4, *b"saltsalt", &secret).unwrap(), b"a text of any length");
        assert_ne!(decrypt(&key, 3, 5, *b"saltsalt", &secret).unwrap(), b"a text of any length");
        assert_eq!(encrypt(&[7; 15], 3, 4, *b"saltsalt", b""), Err(Malformed));
    }
}
