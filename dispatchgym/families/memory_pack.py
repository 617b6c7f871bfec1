"""The card of packing of buffers."""

from dispatchgym.family import POLICY_HELP, Family, Lazy, ScheduleOf

FAMILY = Family(
    name="memory-pack",
    title="packing of buffers",
    objective="height",
    unit="KiB",
    bounds="peak of live bytes; heights as in instances/data/memory",
    ids={"MemoryPack-v0": "dispatchgym.envs.memory.pack.env:PackKeywords"},
    expand=Lazy("dispatchgym.families.buffers:expand_packings"),
    load=Lazy("dispatchgym.instances.memory.catalogue:load_packing"),
    group=Lazy("dispatchgym.families.buffers:group_of"),
    warm_up=Lazy("dispatchgym.families.buffers:packing_warm_up"),
    methods="dispatchgym.baselines.memory.pack.methods",
    check=Lazy("dispatchgym.families.buffers:check_height"),
    draw=Lazy("dispatchgym.envs.memory.pack.render:draw"),
    scenes=Lazy("dispatchgym.families.memory_scenes:packing"),
    name_choices=Lazy("dispatchgym.families.memory_scenes:name_buffers"),
    shelf=Lazy("dispatchgym.families.shelves:PACKINGS"),
    schedule=ScheduleOf("dispatchgym.instances.memory.instance:PackingPlan"),
    table=Lazy("dispatchgym.families.schedule_tables:packing"),
    examples=(
        (
            "Greedy packings against the policy and branch and bound on MiniMalloc's benchmark",
            "--instances minimalloc --methods size best-of-8 policy policy:x128 branch:60s --out results/packing",
        ),
        (
            "A file of your own in 4 MiB, with pictures",
            "--instances mine.csv --capacity 4MiB --methods policy:x128 branch:30s --out results/mine --plot",
        ),
    ),
    variants={"": {"buffers": 8, "pool": 2}},
    rules=("best-of-8",),
    agent=Lazy("dispatchgym.agents.memory:PACK"),
    policy_help=POLICY_HELP.removesuffix("]")
    + ", branch=SECONDS of CPU time (branch and bound that goes on from the policy's packing)]",
    refine=("branch", Lazy("dispatchgym.families.buffers:branch_from")),
    options=Lazy("dispatchgym.families.buffers:MemoryOptions"),
    metrics=Lazy("dispatchgym.families.buffers:packing_metrics"),
    cell=Lazy("dispatchgym.families.buffers:RATIO"),
    columns=Lazy("dispatchgym.families.buffers:PACKING_COLUMNS"),
    train_examples=("--minutes 20 --sizes 100 200",),
    sizes_help="BUFFERS",
    per_unit=1_024,
)
