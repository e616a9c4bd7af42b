//! Which addresses may be connected to: those of the open internet, and those that the operator
//! named. A name that leads anywhere else leads nowhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Deserializer, de};

/// A range of addresses that an operator named: `10.0.0.0/8`, or one address alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    base: IpAddr,
    bits: u32,
}

/// The widest ranges that may be named: what is private is never wider.
const V4_BITS_MIN: u32 = 8;
const V6_BITS_MIN: u32 = 7;

/// IPv4 that is not the open internet: private, loopback, link-local, shared by carriers,
/// kept for documentation and tests, multicast, reserved.
const V4_SPECIAL: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// What of the global unicast addresses, `2000::/3`, is not the open internet.
const V6_SPECIAL: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Where a cloud hands out credentials to whoever asks from inside. A wider range that an
/// operator named does not open them: only their own address does.
const METADATA: [IpAddr; 8] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// Whether an address may be connected to where the operator named these ranges.
pub fn may_connect(address: IpAddr, named: &[Range]) -> bool {
    let address = meant(address);
    if is_nobody(address) {
        return false;
    }
    let is_metadata = METADATA.contains(&address);
    let is_named = named.iter().any(|range| range.holds(address) && (!is_metadata || range.is_single()));
    is_named || (is_public(address) && !is_metadata)
}

/// Whether an address is of this machine or of a private network, and hands out no credentials.
pub fn is_local(address: IpAddr) -> bool {
    match meant(address) {
        metadata if METADATA.contains(&metadata) => false,
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

/// This machine, under both its addresses.
pub const LOOPBACK: [Range; 2] = [
    Range { base: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), bits: 8 },
    Range { base: IpAddr::V6(Ipv6Addr::LOCALHOST), bits: 128 },
];

/// The address that packets go to in the end: the IPv4 address inside an IPv6 one, if there is one.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    match v6.segments() {
        // NAT64, and the old way to write IPv4 as IPv6; but not `::` and `::1`.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high @ 1..=u16::MAX, low] => v4(high, low),
        // 6to4.
        [0x2002, high, low, ..] => v4(high, low),
        _ => IpAddr::V6(v6),
    }
}

fn v4(high: u16, low: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

/// Addresses that are no single machine: unspecified, multicast, broadcast, reserved.
fn is_nobody(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets().first(), Some(0 | 224..)),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    }
}

fn is_public(address: IpAddr) -> bool {
    let inside = |base: IpAddr, bits| Range { base, bits }.holds(address);
    match address {
        IpAddr::V4(_) => !V4_SPECIAL.iter().any(|(base, bits)| inside((*base).into(), *bits)),
        IpAddr::V6(v6) => {
            v6.segments().first().is_some_and(|first| first >> 13 == 1)
                && !V6_SPECIAL.iter().any(|(base, bits)| inside((*base).into(), *bits))
        }
    }
}

impl Range {
    /// The range of one address.
    pub fn single(address: IpAddr) -> Self {
        let base = meant(address);
        Self { base, bits: if base.is_ipv4() { 32 } else { 128 } }
    }

    fn is_single(&self) -> bool {
        self.bits == if self.base.is_ipv4() { 32 } else { 128 }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }

    /// A range as it is written: `10.0.0.0/8`, `fd00::/8` or one address.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let wrong = || format!("`{text}` is no range of addresses: write `10.0.0.0/8`, `fd00::/8` or one address");
        let single = Self::single(base.parse().map_err(|_| wrong())?);
        let range = match bits {
            None => single,
            Some(bits) => Self { bits: bits.parse().map_err(|_| wrong())?, ..single },
        };
        let least = if single.base.is_ipv4() { V4_BITS_MIN } else { V6_BITS_MIN };
        if range.bits < least {
            return Err(format!("`{text}` is wider than any private network: name the ranges that are meant"));
        }
        if range.bits > single.bits || is_nobody(range.base) {
            return Err(wrong());
        }
        Ok(range)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(address: &str, named: &[&str]) -> bool {
        let named: Vec<Range> = named.iter().map(|range| Range::parse(range).expect("is a range")).collect();
        may_connect(address.parse().expect("is an address"), &named)
    }

    #[test]
    fn the_open_internet_needs_no_name_and_nothing_else_goes_without() {
        for open in ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"] {
            assert!(may(open, &[]), "{open}");
        }
        let closed = "127.0.0.1 127.9.9.9 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.0.1 100.64.0.1 0.0.0.0 \
             0.1.2.3 192.0.0.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 255.255.255.255 240.0.0.1 \
             169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 :: ::1 fe80::1 fc00::1 fd12::1 ff02::1 \
             fd00:ec2::254 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 \
             2002:7f00:1:: 2002:a9fe:a9fe:: 2001::1 2001:db8::1 3fff::1 4000::1 100::1";
        for closed in closed.split_whitespace() {
            assert!(!may(closed, &[]), "{closed}");
        }
    }

    #[test]
    fn a_range_opens_itself_and_what_is_another_way_to_write_it() {
        assert!(may("10.1.2.3", &["10.0.0.0/8"]) && may("::ffff:10.1.2.3", &["10.0.0.0/8"]));
        assert!(!may("11.1.2.3", &["10.0.0.0/8"]) || may("11.1.2.3", &[]));
        assert!(!may("10.1.2.4", &["10.1.2.3"]) && may("10.1.2.3", &["::ffff:10.1.2.3"]));
        assert!(may("fd12::1", &["fc00::/7"]) && may("::1", &["::1"]) && !may("127.0.0.1", &["::1"]));
    }

    #[test]
    fn credentials_of_the_machine_are_opened_by_their_own_address_alone() {
        assert!(!may("169.254.169.254", &["169.254.0.0/16"]) && !may("fd00:ec2::254", &["fc00::/7"]));
        assert!(may("169.254.169.254", &["169.254.169.254"]) && may("169.254.0.9", &["169.254.0.0/16"]));
    }

    #[test]
    fn what_is_no_machine_and_what_is_too_wide_cannot_be_named() {
        for wrong in ["0.0.0.0/0", "::/0", "0.0.0.0", "224.0.0.1", "::", "ff02::1", "10.0.0.0/33", "10.0.0.0/", "ten"] {
            assert!(Range::parse(wrong).is_err(), "{wrong}");
        }
    }
}
