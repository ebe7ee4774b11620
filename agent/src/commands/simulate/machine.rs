//! What a simulated node says of itself: a machine of its own, so that a simulated fleet's log is as varied as a real
//! one's. All of it follows from the node's number, its past and the time.

use crate::clock::{Clock, Now, SystemClock};
use crate::heartbeat::{OwnState, Sampler, SystemSampler};
use chance::Chance;
use spec::payload::{Heartbeat, Reading};
use spec::{Timestamp, Uuid};
use std::time::Duration;

const GIB: u64 = 1 << 30;

/// Memory is counted in pages, and so are files.
const PAGE: u64 = 4096;

/// A machine that is made up: how large it is, how busy, and how full.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    real: SystemSampler,
    chance: Chance,
    name: String,
    boot: Uuid,
    booted: Timestamp,
    memory: u64,
    memory_used: u64,
    disk: u64,
    disk_used: u64,
    /// Bytes by which the disk fills between two heartbeats, at most.
    growth: u64,
    swap: u64,
    rss: u64,
    /// Where its load is at home, in thousandths.
    busy: u64,
    loads: [u64; 3],
}

impl Machine {
    /// The machine of the simulated node `n`, which has run for up to a year.
    pub(super) fn new(n: u64, name: String, real: SystemSampler, now: Timestamp) -> Self {
        let mut chance = Chance(n ^ 0x7661_756c_746d_6573);
        let memory = (GIB << chance.below(6)) - chance.below(GIB / 2) / PAGE * PAGE;
        let disk = (32 + chance.below(2000)) * GIB;
        let up = chance.below(365 * 24 * 3_600_000);
        let busy = 50 + chance.below(1000) * (1 + chance.below(8));
        Self {
            real,
            name,
            boot: Uuid::v4(chance.bytes()),
            booted: Timestamp::from_millis(now.millis().saturating_sub(up)),
            memory,
            memory_used: memory / 100 * (20 + chance.below(60)),
            disk,
            disk_used: disk / 100 * (10 + chance.below(70)),
            growth: 1 + chance.below(4 << 20),
            swap: chance.below(4) / 3 * chance.below(GIB) / PAGE * PAGE,
            rss: (8 << 20) + chance.below(4 << 20) / PAGE * PAGE,
            busy,
            loads: [busy; 3],
            chance,
        }
    }

    /// Some time passes.
    fn live(&mut self) {
        // What runs now is half to twice of what is usual; the averages follow it, each at its own pace.
        let runs = self.busy / 2 + self.chance.below(self.busy * 3 / 2 + 1);
        for (load, pace) in self.loads.iter_mut().zip([2, 8, 24]) {
            *load = (*load * (pace - 1) + runs) / pace / 10 * 10;
        }
        let swing = self.memory / 100;
        let low = self.memory / 10;
        let used = (self.memory_used + self.chance.below(2 * swing + 1)).saturating_sub(swing);
        self.memory_used = used.clamp(low, self.memory - low);
        self.disk_used = (self.disk_used + self.chance.below(self.growth)).min(self.disk - GIB);
        if self.chance.below(8) == 0 {
            self.rss = (self.rss + self.chance.below(64) * PAGE).saturating_sub(31 * PAGE);
        }
    }
}

impl Sampler for Machine {
    fn sample(&mut self, own: &OwnState) -> Heartbeat {
        self.live();
        let known = |number: u64| Some(Reading::Known(number));
        let [one, five, fifteen] = self.loads;
        let quiet = self.chance.below(3) > 0;
        let mut pressure = |most: u64| if quiet { 0 } else { self.chance.below(most) / 10 * 10 };
        let (cpu, io, memory) = (pressure(40_000), pressure(8_000), pressure(500));
        Heartbeat {
            hostname: self.name.clone(),
            cloudflare_ok: Reading::Known(true),
            services_ok: Reading::Known(true),
            agent_rss_bytes: known(self.rss),
            boot_id: Some(self.boot.to_string()),
            disk_total_bytes: known(self.disk),
            disk_available_bytes: known((self.disk - self.disk_used) / PAGE * PAGE),
            load1_milli: known(one),
            load5_milli: known(five),
            load15_milli: known(fifteen),
            memory_total_bytes: known(self.memory),
            memory_available_bytes: known((self.memory - self.memory_used) / PAGE * PAGE),
            pressure_cpu_milli: known(cpu),
            pressure_io_milli: known(io),
            pressure_memory_milli: known(memory),
            swap_used_bytes: known(self.swap),
            uptime_secs: known((own.now.millis().saturating_sub(self.booted.millis())) / 1000),
            ..self.real.sample(own)
        }
    }
}

/// A wall clock that is off by some time, and goes wrong slowly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drifting {
    clock: SystemClock,
    /// How far it is off when it starts, in milliseconds; within what a fleet with NTP has.
    off: i64,
    /// How much it loses or gains, in millionths.
    drift: i64,
}

impl Drifting {
    pub(super) fn new(n: u64, clock: SystemClock) -> Self {
        let mut chance = Chance(n ^ 0x636c_6f63_6b73_0000);
        let mut around = |most: u64| {
            let (drawn, middle) = (chance.below(2 * most + 1), most);
            i64::try_from(drawn).unwrap_or(0) - i64::try_from(middle).unwrap_or(0)
        };
        Self { clock, off: around(400), drift: around(50) }
    }
}

impl Clock for Drifting {
    fn now(&self) -> Now {
        let now = self.clock.now();
        let gone = i64::try_from(now.steady.as_millis()).unwrap_or(0);
        let off = self.off + gone / 1000 * self.drift / 1000;
        let wall = Timestamp::from_millis(now.wall.millis().saturating_add_signed(off));
        Now { wall, ..now }
    }

    async fn sleep_until(&self, steady: Duration) {
        self.clock.sleep_until(steady).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::Root;
    use std::collections::BTreeSet;

    #[test]
    fn every_node_of_a_fleet_has_a_machine_of_its_own_and_says_what_a_heartbeat_may() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let real = SystemSampler {
            root: Root::new("/nowhere"),
            os_profile: None,
            vaultmesh_root: "/nowhere".into(),
            cloudflare_unit: String::new(),
            services: Vec::new(),
        };
        let own = |now| OwnState {
            node_id: Uuid::v4([1; 16]),
            now,
            interval_secs: 30,
            spool_depth: 0,
            spool_dropped: 0,
            clock_offset_ms: None,
            policy_hash: None,
        };
        let (mut memories, mut loads) = (BTreeSet::new(), BTreeSet::new());
        for n in 0..200 {
            let mut machine = Machine::new(n, format!("simulated-{n:05}"), real.clone(), now);
            for beat in 0..20 {
                let heartbeat = machine.sample(&own(Timestamp::from_millis(now.millis() + beat * 30_000)));
                let json = String::from_utf8(spec::canonical::to_vec(&heartbeat).unwrap()).unwrap();
                assert_eq!(spec::Kind::Heartbeat.payload_version(&json), Ok(2));
                let (Some(Reading::Known(total)), Some(Reading::Known(free))) =
                    (heartbeat.memory_total_bytes, heartbeat.memory_available_bytes)
                else {
                    panic!("{heartbeat:?}");
                };
                assert!(free < total);
                memories.insert(free);
                loads.insert(format!("{:?}", heartbeat.load1_milli));
            }
        }
        assert!(memories.len() > 3900 && loads.len() > 300, "{} {}", memories.len(), loads.len());
    }
}
