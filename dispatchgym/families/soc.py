"""The card of the streams of jobs on a chip."""

from dispatchgym.family import Family, Lazy, ScheduleOf

FAMILY = Family(
    name="soc",
    title="streams of jobs on a chip",
    objective="mean latency",
    unit="us",
    bounds="",
    ids={"SoC-v0": "dispatchgym.envs.soc.env:StreamKeywords"},
    expand=Lazy("dispatchgym.families.chips:expand_streams"),
    load=Lazy("dispatchgym.instances.soc.catalogue:load_stream"),
    group=Lazy("dispatchgym.families.chips:stream_group"),
    warm_up=Lazy("dispatchgym.families.chips:stream_warm_up"),
    methods="dispatchgym.baselines.soc.streams.methods",
    check=Lazy("dispatchgym.envs.soc.check:check_stream"),
    draw=Lazy("dispatchgym.envs.soc.render:draw"),
    scenes=Lazy("dispatchgym.families.chip_scenes:stream"),
    name_choices=Lazy("dispatchgym.families.chip_scenes:name_stream_tasks"),
    report_charts=Lazy("dispatchgym.families.chip_scenes:sweeps"),
    schemas={
        "soc-job": ("an application: a graph of tasks", Lazy("dispatchgym.instances.soc.forms:application_shape")),
        "soc-platform": ("a chip", Lazy("dispatchgym.instances.soc.forms:PLATFORM")),
        "soc-workload": ("applications that arrive at a chip", Lazy("dispatchgym.instances.soc.forms:WORKLOAD")),
    },
    shelf=Lazy("dispatchgym.families.shelves:STREAMS"),
    schedule=ScheduleOf("dispatchgym.instances.soc.instance:StreamLog"),
    table=Lazy("dispatchgym.families.schedule_tables:stream"),
    examples=(
        (
            "DS3's rules on twenty streams of the gym-ds3 mix, at two loads, with a picture of latency against load",
            "--instances gym-ds3-5 --scale 25 50 --methods met eft etf --compare-with etf --out results/mix --plot",
        ),
        (
            "Planning ahead, where jobs wait outside when there is no room",
            "--instances gym-ds3-5,uncapped --scale 60 --streams 5 --methods etf rolling-heft rolling-cpsat:0.1s\n"
            "      --out results/plans",
        ),
    ),
    variants={"": {"instance": "gym-ds3-1", "horizon": 200, "pool": 1}},
    rules=("etf", "eft", "met"),
    agent=Lazy("dispatchgym.agents.soc:STREAMS"),
    policy_help="the learned policy, greedy: the shipped one (made for gym-ds3; rules may be better elsewhere) or @RUN",
    options=Lazy("dispatchgym.families.chips:StreamOptions"),
    train_options=Lazy("dispatchgym.families.chips:StreamTraining"),
    disturbance=Lazy("dispatchgym.families.chips:WORKLOADS"),
    metrics=Lazy("dispatchgym.families.chips:stream_metrics"),
    cell=Lazy("dispatchgym.families.chips:LATENCY"),
    columns=Lazy("dispatchgym.families.chips:STREAM_COLUMNS"),
    charts=Lazy("dispatchgym.families.chips:draw_sweeps"),
    train_examples=("--preset gym-ds3-5 --minutes 20",),
    sizes_help="none: instances have no sizes; choose a --preset",
    per_unit=1_000,
    anytime=False,
)
