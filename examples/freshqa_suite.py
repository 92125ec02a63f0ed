from olmo_eval.evals.suites import Suite, register
register(Suite(name="base_qa_few_shot",
               tasks=("sciq:mc:3shot", "arc_challenge:mc:3shot", "internal_freshqa:mc:3shot")))
