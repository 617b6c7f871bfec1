"""The card of static task graphs."""

from dispatchgym.family import Family, Lazy, ScheduleOf

FAMILY = Family(
    name="static-dag",
    title="static task graphs",
    objective="makespan",
    unit="ticks",
    bounds="proved by CP-SAT for this suite",
    ids={"StaticDag-v0": "dispatchgym.envs.soc.env:StaticKeywords"},
    expand=Lazy("dispatchgym.families.chips:expand_graphs"),
    load=Lazy("dispatchgym.instances.soc.catalogue:load_static"),
    group=Lazy("dispatchgym.families.chips:graph_group"),
    warm_up=Lazy("dispatchgym.families.chips:graph_warm_up"),
    methods="dispatchgym.baselines.soc.static.methods",
    check=Lazy("dispatchgym.envs.soc.check:check_static"),
    draw=Lazy("dispatchgym.envs.soc.render:draw_static"),
    scenes=Lazy("dispatchgym.families.chip_scenes:static_graph"),
    name_choices=Lazy("dispatchgym.families.chip_scenes:name_tasks"),
    schemas={"static-het-dag": ("a static graph of tasks", Lazy("dispatchgym.instances.soc.forms:static_shape"))},
    shelf=Lazy("dispatchgym.families.shelves:GRAPHS"),
    schedule=ScheduleOf("dispatchgym.instances.soc.instance:StaticSchedule"),
    table=Lazy("dispatchgym.families.schedule_tables:static_graph"),
    examples=(
        (
            "List schedulers against CP-SAT where the optimum is known",
            "--instances worked top own --methods heft cpop peft lookahead cpsat:5s --out results/known",
        ),
        (
            "Topcuoglu's random graphs of 40 tasks on 8 PEs",
            '--instances "topcuoglu/v40/ccr1/s0..s9" --methods heft peft policy:x32 --compare-with heft --out results/random',
        ),
    ),
    variants={"": {"tasks": 6, "pes": 2, "pool": 2}},
    rules=("heft",),
    agent=Lazy("dispatchgym.agents.soc:STATIC"),
    metrics=Lazy("dispatchgym.families.chips:graph_metrics"),
    cell=Lazy("dispatchgym.families.chips:SLR"),
    columns=Lazy("dispatchgym.families.chips:GRAPH_COLUMNS"),
    train_examples=("--minutes 20 --sizes 20x8 40x8 60x8",),
    sizes_help="TASKSxPES",
)
