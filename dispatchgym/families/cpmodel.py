"""The card of scheduling models: flexible job shops, projects, and whatever the normal form says."""

from dispatchgym.family import DIRECTION_HELP, POLICY_HELP, Family, Lazy, ScheduleOf

FAMILY = Family(
    name="cpmodel",
    title="models",
    objective="objective",
    unit="ticks",
    bounds="FJSPLib, 2026-08-19; PSPLIB",
    ids={
        "CPModel-v0": "dispatchgym.envs.cpmodel.env:CPModelKeywords",
        "FlexibleJobShop-v0": "dispatchgym.envs.cpmodel.env:FlexibleShopKeywords",
    },
    expand=Lazy("dispatchgym.families.models:expand"),
    load=Lazy("dispatchgym.instances.cpmodel.catalogue:load"),
    group=Lazy("dispatchgym.families.models:group"),
    warm_up=Lazy("dispatchgym.families.models:warm_up"),
    methods="dispatchgym.baselines.cpmodel.methods",
    check=Lazy("dispatchgym.envs.cpmodel.check:check"),
    draw=Lazy("dispatchgym.envs.cpmodel.render:draw"),
    scenes=Lazy("dispatchgym.families.model_scenes:gantt"),
    name_choices=Lazy("dispatchgym.families.model_scenes:name_modes"),
    schemas={
        "cpmodel": (
            "a scheduling problem: tasks with modes, resources and lags",
            Lazy("dispatchgym.instances.cpmodel.json_files:own_shape"),
        )
    },
    shelf=Lazy("dispatchgym.families.model_scenes:MODELS"),
    schedule=ScheduleOf("dispatchgym.instances.cpmodel.instance:CPSchedule"),
    table=Lazy("dispatchgym.families.models:table"),
    examples=(
        (
            "Rules and CP-SAT on Brandimarte's flexible job shops",
            '--instances "mk01..mk10" --methods mwkr mopnr lft:x100 cpsat:10s --out results/flexible',
        ),
        (
            "Projects: rules, sampling by regret, forward-backward improvement",
            '--instances "j301_1..j304_10" --methods lft minslk regret:x100 justify:x20 --out results/projects',
        ),
    ),
    variants={"": {"instance": "sd1/j3/m2/s0"}},  # which both ids take
    rules=("mwkr", "lft", "mopnr"),
    agent=Lazy("dispatchgym.agents.cpmodel:AGENT"),
    policy_help=POLICY_HELP.removesuffix("]") + DIRECTION_HELP + "]",
    train_options=Lazy("dispatchgym.families.models:ModelTraining"),
    train_examples=("--minutes 20", "--preset projects --minutes 20 --sizes 30 60", "--from my_model.pbtxt --minutes 5"),
    after_training=Lazy("dispatchgym.families.own_model:report"),
    sizes_help="JOBSxMACHINES of flexible shops, numbers of activities of projects; a model of your own has none",
)
