//! Numbers that look like chance and are the same for the same seed: what a test has tried can be tried again, and
//! simulated machines are the same in every run. Nothing that has to be secret, or unique, comes from here.

/// A small generator (SplitMix64; Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Chance(pub u64);

impl Chance {
    /// The next of all numbers.
    #[expect(
        clippy::should_implement_trait,
        reason = "it never ends, so whoever wants an iterator takes `from_fn`"
    )]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// A place in something of this length; 0 if it is empty.
    pub fn index(&mut self, length: usize) -> usize {
        // What is below a `usize` is one.
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// What is true once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            for (byte, new) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *byte = new;
            }
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the authors' own program for this seed.
    #[test]
    fn numbers_are_those_of_the_published_generator() {
        let mut chance = Chance(1_234_567);
        let numbers: [u64; 3] = std::array::from_fn(|_| chance.next());
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
        assert_eq!(Chance(0).bytes::<16>()[..8], Chance(0).next().to_le_bytes());
        assert_eq!((Chance(1).below(1), Chance(1).index(0)), (0, 0));
    }
}
