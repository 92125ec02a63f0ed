"""The subjects of the benchmark families that have one task a subject.

Apart from the task modules, so that the index and the suites can name every task without
importing one.
"""

from __future__ import annotations

#: Hendrycks et al. 2021 group MMLU's 57 subjects into four fields.
MMLU_FIELDS: dict[str, tuple[str, ...]] = {
    "stem": (
        "abstract_algebra",
        "astronomy",
        "college_biology",
        "college_chemistry",
        "college_computer_science",
        "college_mathematics",
        "college_physics",
        "computer_security",
        "conceptual_physics",
        "electrical_engineering",
        "elementary_mathematics",
        "high_school_biology",
        "high_school_chemistry",
        "high_school_computer_science",
        "high_school_mathematics",
        "high_school_physics",
        "high_school_statistics",
        "machine_learning",
    ),
    "humanities": (
        "formal_logic",
        "high_school_european_history",
        "high_school_us_history",
        "high_school_world_history",
        "international_law",
        "jurisprudence",
        "logical_fallacies",
        "moral_disputes",
        "moral_scenarios",
        "philosophy",
        "prehistory",
        "professional_law",
        "world_religions",
    ),
    "social_sciences": (
        "econometrics",
        "high_school_geography",
        "high_school_government_and_politics",
        "high_school_macroeconomics",
        "high_school_microeconomics",
        "high_school_psychology",
        "human_sexuality",
        "professional_psychology",
        "public_relations",
        "security_studies",
        "sociology",
        "us_foreign_policy",
    ),
    "other": (
        "anatomy",
        "business_ethics",
        "clinical_knowledge",
        "college_medicine",
        "global_facts",
        "human_aging",
        "management",
        "marketing",
        "medical_genetics",
        "miscellaneous",
        "nutrition",
        "professional_accounting",
        "professional_medicine",
        "virology",
    ),
}

MMLU_SUBJECTS = tuple(sorted(s for field in MMLU_FIELDS.values() for s in field))

#: Hendrycks et al. 2021, MATH: seven subjects of competition problems
MATH_SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)

#: kinds of questions of RULER: aggregation, multi-hop tracing, question answering, needles
RULER_KINDS = (
    *("cwe", "fwe", "vt", "qa_1", "qa_2"),
    *("niah_s_1", "niah_s_2", "niah_s_3", "niah_mk_1", "niah_mk_2", "niah_mk_3"),
    *("niah_mv", "niah_mq"),
)
#: their lengths in tokens
RULER_LENGTHS = (4_096, 8_192, 16_384, 32_768, 65_536, 131_072)

#: Rein et al. 2024, GPQA: three nested sets, and the domains of their questions
GPQA_SETS = ("diamond", "main", "extended")
GPQA_DOMAINS = ("biology", "chemistry", "physics")

#: the skills of allenai/basic-skills
BASIC_SKILLS = (
    "arithmetic",
    "coding",
    "common_knowledge",
    "logical_reasoning",
    "pattern",
    "string_operations",
)

#: Laurent et al. 2024, LAB-Bench: the sets that are asked without images -> their hub names
LAB_BENCH_SETS = {
    "litqa2": "LitQA2",
    "dbqa": "DbQA",
    "seqqa": "SeqQA",
    "protocolqa": "ProtocolQA",
    "suppqa": "SuppQA",
    "cloning_scenarios": "CloningScenarios",
}

#: Zhong et al. 2023, AGIEval: the English exams with choices -> their names in the data
AGIEVAL_EXAMS = {
    "aqua_rat": "aqua-rat",
    "gaokao_english": "gaokao-english",
    "logiqa_en": "logiqa-en",
    "lsat_ar": "lsat-ar",
    "lsat_lr": "lsat-lr",
    "lsat_rc": "lsat-rc",
    "sat_en": "sat-en",
    "sat_en_without_passage": "sat-en-without-passage",
    "sat_math": "sat-math",
}

#: Wang et al. 2024, MMLU-Pro: the categories of its questions
MMLU_PRO_CATEGORIES = (
    "biology",
    "business",
    "chemistry",
    "computer_science",
    "economics",
    "engineering",
    "health",
    "history",
    "law",
    "math",
    "other",
    "philosophy",
    "physics",
    "psychology",
)

#: Parrish et al. 2022, BBQ: the social dimensions of its questions -> their hub names
BBQ_CATEGORIES = {
    "age": "Age",
    "disability_status": "Disability_status",
    "gender_identity": "Gender_identity",
    "nationality": "Nationality",
    "physical_appearance": "Physical_appearance",
    "race_ethnicity": "Race_ethnicity",
    "race_x_gender": "Race_x_gender",
    "race_x_ses": "Race_x_SES",
    "religion": "Religion",
    "ses": "SES",
    "sexual_orientation": "Sexual_orientation",
}

#: Shang et al. 2025, GeneTuring: the modules that are asked without programming
GENETURING_MODULES = (
    "amino_acid_translation",
    "dna_sequence_extraction",
    "gene_alias",
    "gene_disease_association",
    "gene_location",
    "gene_name_conversion",
    "gene_name_extraction",
    "gene_ontology",
    "gene_snp_association",
    "human_genome_dna_alignment",
    "multi_species_dna_alignment",
    "protein_coding_genes",
    "snp_location",
    "tf_regulation",
)
#: MultiPL-E: the benchmarks and the languages that suites use
MULTIPL_E_BENCHMARKS = ("humaneval", "mbpp")
MULTIPL_E_LANGUAGES = ("cpp", "java", "js", "php", "rs", "sh")

#: the subsets of multilingual MBPP
# fmt: off
MT_MBPP_LANGUAGES = (
    "bash", "c", "cpp", "csharp", "go", "haskell", "java", "javascript", "matlab", "php", "python",
    "r", "ruby", "rust", "scala", "swift", "typescript",
)

#: the subsets of recently written code
CODE_FRESH_LANGUAGES = (
    "blade", "c", "clojure", "common_lisp", "cpp", "csharp", "css", "dart", "erlang", "fortran",
    "go", "haskell", "html", "java", "java_server_page", "javascript", "julia", "kotlin", "lua",
    "markdown", "mathematica", "matlab", "objective_c", "objective_cpp", "ocaml", "perl", "php",
    "powershell", "python", "restructuredtext", "ruby", "rust", "scala", "scheme", "swift",
    "systemverilog", "tcl", "tex", "typescript", "verilog", "vhdl", "vue",
)

#: the categories of the Berkeley function-calling leaderboard that are one turn of Python calls
BFCL_CATEGORIES = (
    "simple", "multiple", "parallel", "parallel_multiple", "irrelevance",
    "live_simple", "live_multiple", "live_parallel", "live_parallel_multiple",
    "live_irrelevance", "live_relevance",
)
# fmt: on

#: Shi et al. 2022, MGSM: ten languages, and the English originals
MGSM_LANGUAGES = ("bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh")

#: Sun et al. 2025, OMEGA: the settings of each way to generalise
OMEGA_SETTINGS: dict[str, tuple[str, ...]] = {
    "compositional": (
        "comp_circles_algebra",
        "comp_grid_chips",
        "comp_matrix_rank",
        "comp_n_gon",
        "comp_parametric_intersection",
        "comp_polynomial_gcd",
        "comp_vertex_color",
    ),
    "explorative": (
        "algebra_func_area",
        "algebra_func_derivative_sign",
        "algebra_func_extrema",
        "algebra_func_extrema_coords",
        "algebra_func_intersection",
        "algebra_func_intersection_coords",
        "algebra_func_zeros",
        "algebra_linear_equation",
        "algebra_polynomial_roots",
        "arithmetic_gcd",
        "arithmetic_list_prime_factors",
        "arithmetic_matrix_determinant",
        "arithmetic_matrix_eigenvalues",
        "arithmetic_matrix_inverse",
        "arithmetic_matrix_multiplication",
        "arithmetic_matrix_power",
        "arithmetic_matrix_rank",
        "arithmetic_matrix_svd",
        "arithmetic_mixed",
        "combinatory_distribution",
        "combinatory_pattern_matching",
        "combinatory_probability_at_least_n_specific_fixed",
        "combinatory_probability_exactly_n_specific_fixed",
        "combinatory_probability_no_fixed_points",
        "combinatory_probability_no_specific_letter_fixed",
        "geometry_basic",
        "geometry_circle",
        "geometry_perpendicular_intersection",
        "geometry_polygon",
        "geometry_polygon_chords",
        "geometry_polygon_color",
        "geometry_polygon_rotation",
        "geometry_triangle",
        "logic_gridworld_blocked",
        "logic_gridworld_knight_move",
        "logic_gridworld_rookmove",
        "logic_puzzles_grid_chip",
        "logic_zebralogic",
        "numbertheory_lte_qr",
        "numbertheory_ordered_lte",
        "numbertheory_qr_sum",
    ),
    "transformative": (
        "trans_circles",
        "trans_de_moivre",
        "trans_func_intersection",
        "trans_gridworld",
        "trans_integrations",
        "trans_matrix_rank",
        "trans_prob_letter",
    ),
}

AIME_YEARS = (2022, 2023, 2024, 2025, 2026)
HMMT_TOURNAMENTS = ("feb_2025", "nov_2025", "feb_2026")
#: the 27 tasks of BIG-Bench Hard: 23 kinds, two of which come in three sizes
BBH_TASKS = (
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "dyck_languages",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "logical_deduction_three_objects",
    "movie_recommendation",
    "multistep_arithmetic_two",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
    "tracking_shuffled_objects_three_objects",
    "web_of_lies",
    "word_sorting",
)
