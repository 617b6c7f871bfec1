"""The instances that each family has by name, what is told of one, and how it is written to a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.family import Shelf
from dispatchgym.instances.blocking.instance import BlockingShop
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop import files as jobshop_files
from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory import files as memory_files
from dispatchgym.instances.memory.instance import MemoryProgram, Packing, all_slow, peak
from dispatchgym.instances.names import format_size
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc import files as soc_files
from dispatchgym.instances.soc.instance import StaticDag, Stream

Facts = dict[str, Any]


def job_shop_facts(instance: JobShop) -> Facts:
    real = instance.machine >= 0
    work = instance.duration[real]
    load = np.bincount(instance.machine[real], work, instance.machines)
    facts: Facts = {
        "jobs": instance.jobs,
        "machines": instance.machines,
        "operations": int(real.sum()),
        "durations": f"{work.min()} to {work.max()}, mean {work.mean():.1f} ticks",
        "longest job": f"{np.where(real, instance.duration, 0).sum(1).max()} ticks of work",
        "busiest machine": f"number {load.argmax()}, {int(load.max())} ticks of work",
    }
    return facts | ({"releases": f"up to {instance.release.max()} ticks"} if instance.release.any() else {})


def blocking_facts(instance: BlockingShop) -> Facts:
    law = instance.interruptions
    facts = {"variant": instance.variant, **job_shop_facts(instance.shop)}
    if law.down_share:
        facts["machines are down"] = f"{100 * law.down_share:g} % of the time, {law.mode}, repair {law.repair:g} mean durations"
    return facts


def stream_facts(instance: Stream) -> Facts:
    load = instance.workload
    return {
        "applications": ", ".join(f"{x.name} ({len(x.tasks)} tasks)" for x in load.applications),
        "chip": f"{load.platform.name}, {load.platform.pes} PEs",
        "clusters": ", ".join(f"{x.name} ({x.pes} PE{'s' if x.pes > 1 else ''})" for x in load.platform.clusters),
        "arrivals": f"{load.arrival}, mean gap {load.scale:g} us",
        "jobs in the system": f"at most {load.cap}, else {load.when_full}",
        "horizon": f"{load.horizon} us",
        "noise": f"{100 * load.noise:g} % of a task's mean time",
    }


def graph_facts(instance: StaticDag) -> Facts:
    possible = instance.duration[instance.duration >= 0]
    volume = instance.edges[:, 2] if len(instance.edges) else np.zeros(1, np.int32)
    return {
        "tasks": len(instance.duration),
        "edges": len(instance.edges),
        "PEs": instance.pes,
        "durations": f"{possible.min()} to {possible.max()}, mean {possible.mean():.1f} ticks",
        "volumes": f"{volume.min()} to {volume.max()}",
    }


def packing_facts(instance: Packing) -> Facts:
    return {
        "buffers": instance.buffers,
        "times": f"{instance.lower.min()} to {instance.upper.max()}",
        "all buffers": f"{int(instance.size.sum())} bytes",
        "peak of live bytes": peak(instance),
        "capacity": "none" if instance.capacity is None else format_size(instance.capacity),
    }


def program_facts(instance: MemoryProgram) -> Facts:
    return {
        "instructions": len(instance.compute),
        "buffers": len(instance.size),
        "accesses": len(instance.access),
        "all buffers": f"{int(instance.size.sum())} bytes",
        "fast memory": format_size(instance.capacity),
        "compute": f"{int(instance.compute.sum()) / 1e6:.2f} us",
        "all in slow memory": f"{all_slow(instance) / 1e6:.2f} us",
    }


def write_shop_of(instance: BlockingShop, path: Path) -> None:
    """The job shop, called as the file."""
    jobshop_files.write(dataclasses.replace(instance.shop, name=path.stem), path)


def write_workload(instance: Stream, path: Path) -> None:
    """The workload, called as the file."""
    soc_files.write(dataclasses.replace(instance.workload, name=path.stem), path)


def stream_sets() -> dict[str, tuple[str, ...]]:
    return {"presets": soc_catalogue.PRESETS, **soc_catalogue.WORKLOAD_SETS}


def packing_sets() -> dict[str, tuple[str, ...]]:
    return {name: members for name, members in memory_catalogue.sets().items() if members[0] in memory_catalogue.packings()}


def program_sets() -> dict[str, tuple[str, ...]]:
    return {name: members for name, members in memory_catalogue.sets().items() if members[0] in memory_catalogue.programs()}


JOB_SHOPS = Shelf(
    lambda: catalogue.SETS,
    catalogue.GENERATORS,
    job_shop_facts,
    jobshop_files.write,
    examples={
        "list": ("", "jobshop", 'jobshop ft "ta01..ta10"'),
        "show": ("ft10", "mine.txt"),
        "generate": ("jobshop uniform/j10/m5/s0..s99 --out shops", "jobshop flow/j20/m5/hi9/s1 two-set/j20/m10/s1 --out shops"),
    },
)
BLOCKING_SHOPS = Shelf(
    lambda: catalogue.SETS,
    catalogue.GENERATORS,
    blocking_facts,
    write_shop_of,
    stem=lambda instance: str(instance.shop.name),
    what="job shops, read with --variant",
    notes="a file keeps the job shop alone, without variant and interruptions",
    examples={"show": ("la01 --family blocking --method spt --picture la01.png",)},
)
STREAMS = Shelf(
    stream_sets,
    soc_catalogue.CHIPS,
    stream_facts,
    write_workload,
    stem=lambda instance: soc_catalogue.workload_of(instance.name),
    what="workloads",
    notes="a file keeps the workload; its streams are numbered /s0, /s1, ...",
    examples={"list": ("soc presets",), "generate": ("soc chips/n0 chips/n1 --out workloads",)},
)
GRAPHS = Shelf(
    lambda: soc_catalogue.SETS,
    soc_catalogue.GENERATORS,
    graph_facts,
    soc_files.write,
    examples={"generate": ("static-dag topcuoglu/v40/ccr2/s0..s9 cholesky/n6/p2+2 --out graphs",)},
)
PACKINGS = Shelf(
    packing_sets,
    {name: x for name, x in memory_catalogue.GENERATED.items() if name not in memory_catalogue.GENERATED_PROGRAMS},
    packing_facts,
    memory_files.write_packing,
    suffix=lambda packing: ".csv" if packing.capacity is None else f".{packing.capacity}.csv",
    examples={"generate": ("memory-pack guillotine/n100/s0..s4 --out packings",)},
)
PROGRAMS = Shelf(
    program_sets,
    {name: memory_catalogue.GENERATED[name] for name in memory_catalogue.GENERATED_PROGRAMS},
    program_facts,
    memory_files.write_program,
    examples={"show": ("resnet50-b8 --no-picture",)},
)
