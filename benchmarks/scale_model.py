"""What measured costs make of more devices: formulas, and every assumption in them by name. Nothing here is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# NVIDIA's data sheet of the H100 SXM5.
MEMORY = 3.35e12  # bytes a second
FLOAT32 = 67e12  # operations a second
# Assumed; each of them may be wrong by a factor of two, the last two by more.
LAUNCH = 25e-6  # seconds of the host for a prepared launch of ours: "What a launch costs the host"
TORCH = 8e-6  # seconds of the host for an operation of torch
L2 = 5.5e12  # bytes a second
SECTOR = 32  # bytes that a scattered access of 4 moves
REACHED = 0.3  # share of the peak that products of this size reach
LINK, HOP = 50e9, 20e-6  # bytes a second between two processes, seconds of a message
EXCHANGES = 12  # small sums of an iteration, beside the gradients of each update
UPDATES = 2  # of an iteration, with the default settings
CHAIN = 20e-9  # seconds of a multiply-add in the fused decoder, whose accesses depend on each other
DIVERGENCE = 4.0  # lanes of a warp that wait for the one with most choices
STEP_CHAIN = 75e-6  # seconds of the dependent accesses of one step of the rules

ASSUMED = (
    f"{MEMORY / 1e12:.2f} TB/s and {FLOAT32 / 1e12:.0f} TFLOP/s (data sheet of an H100), {L2 / 1e12:.1f} TB/s of L2 cache, "
    f"{SECTOR} bytes moved for a scattered access, {100 * REACHED:.0f} % of the arithmetic reached, "
    f"{1e6 * LAUNCH:.0f} us of host for a launch of ours and {1e6 * TORCH:.0f} us for one of torch, "
    f"{1e9 * CHAIN:.0f} ns for a multiply-add of one thread of the fused decoder, a divergence of {DIVERGENCE:.0f}, "
    f"{1e6 * STEP_CHAIN:.0f} us for the dependent accesses of a step, {LINK / 1e9:.0f} GB/s and {1e6 * HOP:.0f} us a message "
    "between processes"
)
DEVICES = (1, 8, 64)


@dataclass(frozen=True)
class Costs:
    """What was measured or counted: an iteration of training with the default settings, a copy, an answer."""

    draw: float  # CPU-milliseconds of an iteration, as the next four
    pack: float
    play: float
    recall: float
    learn: float
    launches: float  # operations of torch in an iteration
    flop: float  # of products, in an iteration
    gradient: float  # bytes
    episodes: float  # of an iteration
    instances: float
    decisions: float  # of an episode, as the next two
    choices: float
    steps: float
    state: float  # bytes of a copy, as the next two
    features: float
    graph: float
    candidate: float  # features of a choice
    context: float
    answer: float  # CPU-milliseconds

    @property
    def multiply_adds(self) -> float:
        """Of the decoder in an episode: two layers over the choices, the context and the mean over the decisions."""
        hidden = 64
        return self.choices * hidden * (self.candidate + hidden + 2) + self.decisions * hidden * (self.context + hidden)


def exchange(processes: int, gradient: float) -> float:
    """Seconds of an iteration: gradients by a ring for each update, and small sums that pass every process."""
    if processes == 1:
        return 0.0
    ring = 2 * (processes - 1) / processes * gradient / LINK + 2 * (processes - 1) * HOP
    return UPDATES * ring + EXCHANGES * 2 * (processes - 1) * HOP


def on_cpus(c: Costs, processes: int, *, grows: bool) -> float:
    """Episodes a second of so many processes of one core; with `grows` each has the batch of one."""
    batch = processes if grows else 1
    own = (c.pack + c.play + c.recall + c.learn) * batch / processes
    return c.episodes * batch / ((c.draw * batch + own) / 1000 + exchange(processes, c.gradient))


def gpu_parts(c: Costs, copies: float) -> dict[str, float]:
    """Seconds of an iteration of `copies` episodes on one GPU, by what limits each part."""
    scale = copies / c.episodes
    return {
        "draw": scale * c.draw / 1000,
        "pack": scale * c.pack / 1000,
        "chain": c.multiply_adds * CHAIN,
        "traffic": copies * 2 * SECTOR * c.multiply_adds * DIVERGENCE / L2,
        "launches": c.launches * TORCH,
        "arithmetic": scale * c.flop / (REACHED * FLOAT32),
    }


def on_gpus(c: Costs, devices: int, copies: float) -> float:
    """Episodes a second with `copies` on each. Every process draws the batch of all; the larger of two limits counts."""
    part = gpu_parts(c, copies)
    play, learn = max(part["chain"], part["traffic"]), max(part["launches"], part["arithmetic"])
    return devices * copies / (devices * part["draw"] + part["pack"] + play + learn + exchange(devices, c.gradient))


def steps_a_second(c: Costs, copies: float, seen: float, spread: float) -> tuple[float, str]:
    """Steps of a batch on one GPU and what limits them: every step reads and writes the state once and writes what is `seen`.

    `spread` is how many bytes are moved for one that is wanted.
    """
    limits = {
        "launch": LAUNCH,
        "chain of accesses": STEP_CHAIN,
        "memory": copies * spread * (2 * c.state + seen) / MEMORY,
    }
    name = max(limits, key=lambda x: limits[x])
    return copies / limits[name], name


def rows(title: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *(["---:"] * (len(title) - 1))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (title, rule, *lines))


def amount(x: float) -> str:
    """Three digits with a thousand, million or billion behind them."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if x >= size:
            return f"{x / size:.3g} {unit}"
    return f"{x:.3g}"


HEAD = "Everything from here on is arithmetic with the costs above; no GPU and no second machine was used."


def tables(c: Costs) -> str:
    """The text of the page."""
    estimates = f"**Estimates.** {HEAD} Assumed: {ASSUMED}."
    return "\n\n".join((measured(c), estimates, training_tables(c), step_table(c), answer_table(c)))


def measured(c: Costs) -> str:
    whole = c.draw + c.pack + c.play + c.recall + c.learn
    parts = (
        ("draw instances", c.draw, "Python"),
        ("pack them", c.pack, "Python"),
        ("encode and play", c.play, "torch, then one compiled call"),
        ("recall the decisions", c.recall, "one compiled call"),
        ("forward, backward, update", c.learn, "torch"),
    )
    lines = [[what, f"{ms:.1f}", f"{100 * ms / whole:.0f} %", where] for what, ms, where in parts]
    return (
        f"**Measured here.** One iteration with the default settings at 10x10, {c.instances:.0f} instances and "
        f"{c.episodes:.0f} episodes of {c.steps:.0f} steps, {c.decisions:.0f} of them decisions with "
        f"{c.choices / c.decisions:.1f} choices each:\n\n"
        + rows(("part", "CPU-ms", "share", "runs in"), lines)
        + f"\n\nCounted: {c.launches:,.0f} operations of torch and {c.flop / 1e9:.2f} GFLOP of products an iteration, "
        f"{c.gradient / 1000:.0f} kB of gradients, {c.multiply_adds / 1e6:.2f} M multiply-adds of the decoder an episode; a copy "
        f"has {c.state:.0f} bytes of state, {c.features:.0f} of features, {c.graph:.0f} with the graph. An answer of "
        f"`evaluate.py` costs the process that judges and writes {c.answer:.1f} CPU-ms, its share of the start included."
    )


def training_tables(c: Costs) -> str:
    sizes = (("as here", c.episodes), ("4,096 episodes", 4096.0), ("65,536 episodes", 65536.0))
    names = ("draw: Python", "pack: Python", "play: chain", "play: L2", "learn: launches", "learn: arithmetic")
    gpu = [
        [name, *(f"{1000 * x:,.1f}" for x in gpu_parts(c, copies).values()), *(amount(on_gpus(c, n, copies)) for n in DEVICES)]
        for name, copies in sizes
    ]
    cpu = [
        [name, *(amount(on_cpus(c, n, grows=grows)) if grows or n <= c.instances else "-" for n in DEVICES)]
        for name, grows in (("one batch, split", False), ("a batch for each process", True))
    ]
    devices = [f"{n} GPU{'s' if n > 1 else ''}" for n in DEVICES]
    return (
        "Training on GPUs: milliseconds of an iteration on one GPU by the limit of each part, then episodes a second of all. "
        "Every process draws the batch of all of them.\n\n"
        + rows(("batch of a GPU", *names, *devices), gpu)
        + "\n\nTraining on CPUs, episodes a second:\n\n"
        + rows(("processes, a core each", *map(str, DEVICES)), cpu)
    )


def step_table(c: Costs) -> str:
    lines = []
    for name, seen in (("bare rules", 0.0), ("features", c.features), ("graph", c.graph)):
        for copies in (4096.0, 65536.0, 1048576.0):
            found = [steps_a_second(c, copies, seen, spread) for spread in (SECTOR / 4, 1.0)]
            lines.append([name, f"{copies:,.0f}", *(f"{amount(rate)} ({limit})" for rate, limit in found)])
    return (
        "Steps of a batch a second on one GPU, and their limit. Batches know nothing of each other, so 8 and 64 GPUs make 8 and "
        "64 times as many.\n\n"
        + rows(("observation", "copies", "a copy's numbers side by side", "one number of all copies side by side"), lines)
    )


def answer_table(c: Costs) -> str:
    ceiling = 1000 / c.answer
    lines = [[f"{s:g} s", *(amount(min(n / s, ceiling)) for n in (2, 64, 1000))] for s in (0.01, 1.0, 10.0, 100.0)]
    return (
        f"Answers a second of `evaluate.py --ray`; the process that judges and writes cannot do more than {amount(ceiling)}:\n\n"
        + rows(("an answer takes", "2 workers", "64", "1,000"), lines)
    )
