//! Measuring and saying what was measured.

use std::time::{Duration, Instant};

/// Rounds of a measurement; the median counts, the others say how far to trust it.
const ROUNDS: usize = 5;

/// Units a second: the median round, with the slowest and the fastest; and the processor time of one unit,
/// which tells more than the clock on a machine that does other things as well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) median: f64,
    slowest: f64,
    fastest: f64,
    cpu_nanos: f64,
}

/// What one round took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) wall: Duration,
    cpu: Duration,
}

/// A round that is being measured.
#[derive(Debug)]
pub(crate) struct Started {
    at: Instant,
    cpu: Duration,
}

/// Begins a round.
pub(crate) fn start() -> Started {
    Started { cpu: cpu_time(), at: Instant::now() }
}

impl Started {
    pub(crate) fn stop(&self) -> Round {
        Round { wall: self.at.elapsed(), cpu: cpu_time().saturating_sub(self.cpu) }
    }
}

/// Processor time of this process and its threads; the kernel counts it in hundredths of a second.
fn cpu_time() -> Duration {
    ticks("self")
}

/// Processor time of a process by its id.
pub(crate) fn ticks(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // Fields 14 and 15 of proc(5); the two before the closing parenthesis are gone.
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Runs `work`, which does `units` of something, several times.
pub(crate) fn rate(units: usize, mut work: impl FnMut()) -> Rate {
    Rate::of(units, (0..ROUNDS).map(|_| time(&mut work)))
}

/// How long `work` takes.
pub(crate) fn time(work: impl FnOnce()) -> Round {
    let started = start();
    work();
    started.stop()
}

impl Rate {
    /// From rounds that did `units` each.
    pub(crate) fn of(units: usize, rounds: impl IntoIterator<Item = Round>) -> Self {
        let rounds: Vec<Round> = rounds.into_iter().collect();
        let mut rates: Vec<f64> =
            rounds.iter().map(|round| units as f64 / round.wall.as_secs_f64().max(1e-9)).collect();
        rates.sort_by(f64::total_cmp);
        let cpu: f64 = rounds.iter().map(|round| round.cpu.as_secs_f64()).sum();
        Self {
            median: rates[rates.len() / 2],
            slowest: rates[0],
            fastest: rates[rates.len() - 1],
            cpu_nanos: cpu * 1e9 / (units * rounds.len()) as f64,
        }
    }

    fn spread(&self) -> String {
        let part = |rate: f64| 100.0 * rate / self.median - 100.0;
        if self.slowest < self.fastest {
            format!("{:+.0}/{:+.0} %", part(self.slowest), part(self.fastest))
        } else {
            String::new()
        }
    }
}

/// A limit of the machine: what the same work costs when nothing else is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) name: &'static str,
    pub(crate) rate: Rate,
}

impl Limit {
    /// Names a rate as a limit, and prints it.
    pub(crate) fn stated(name: &'static str, rate: Rate) -> Self {
        row(&format!("limit: {name}"), rate, &[]);
        Self { name, rate }
    }
}

/// Prints a figure with its share of each limit: by the clock, and by processor time.
pub(crate) fn row(name: &str, rate: Rate, limits: &[Limit]) {
    let shares: Vec<String> = limits
        .iter()
        .map(|limit| {
            let wall = 100.0 * rate.median / limit.rate.median;
            let cpu = 100.0 * limit.rate.cpu_nanos / rate.cpu_nanos;
            format!("{wall:.0} % (cpu {cpu:.0} %) of {}", limit.name)
        })
        .collect();
    println!(
        "  {name:<46} {:>9}/s {:>9} {:>13}  cpu {:>8}  {}",
        short(rate.median),
        nanos(1e9 / rate.median),
        rate.spread(),
        nanos(rate.cpu_nanos),
        shares.join(", ")
    );
}

/// Prints a line of words.
pub(crate) fn say(text: &str) {
    println!("  {text}");
}

/// Prints what the figures were measured on.
pub(crate) fn machine(events: usize) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or_default();
    println!(
        "{} cores,{}; load {}; BENCH_N={events}; a rate is the median of {ROUNDS} rounds, with slowest/fastest",
        cores(),
        model.trim_start_matches([' ', '\t']).trim_start_matches(':'),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    );
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn nanos(nanos: f64) -> String {
    match nanos {
        n if n < 10_000.0 => format!("{n:.0} ns"),
        n if n < 1e7 => format!("{:.1} us", n / 1e3),
        n => format!("{:.1} ms", n / 1e6),
    }
}

fn short(rate: f64) -> String {
    match rate {
        r if r >= 1e6 => format!("{:.2} M", r / 1e6),
        r if r >= 1e4 => format!("{:.1} k", r / 1e3),
        r => format!("{r:.0}"),
    }
}
