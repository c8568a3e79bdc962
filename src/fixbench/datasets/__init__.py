"""Datasets: generators for the small tiers, readers for the real formats."""

from fixbench.datasets._anomaly import FAMILIES as FAMILIES
from fixbench.datasets._anomaly import AnomalyFamily as AnomalyFamily
from fixbench.datasets._anomaly import Family as Family
from fixbench.datasets._anomaly import class_noun as class_noun
from fixbench.datasets._anomaly import generate_families as generate_families
from fixbench.datasets._anomaly import read_anomaly_family as read_anomaly_family
from fixbench.datasets._captions import anomaly_prompts as anomaly_prompts
from fixbench.datasets._captions import caption_batch as caption_batch
from fixbench.datasets._captions import tokenise as tokenise
from fixbench.datasets._captions import vocabulary as vocabulary
from fixbench.datasets._defects import DEFECTS as DEFECTS
from fixbench.datasets._defects import Severity as Severity
from fixbench.datasets._defects import apply_defect as apply_defect
from fixbench.datasets._photographs import PHOTOGRAPHS as PHOTOGRAPHS
from fixbench.datasets._photographs import Photograph as Photograph
from fixbench.datasets._photographs import Region as Region
from fixbench.datasets._photographs import load_photograph as load_photograph
from fixbench.datasets._photographs import photograph_region as photograph_region
from fixbench.datasets._procedure_generator import PROCEDURES as PROCEDURES
from fixbench.datasets._procedure_generator import KeyStep as KeyStep
from fixbench.datasets._procedure_generator import generate_procedures as generate_procedures
from fixbench.datasets._procedures import BACKGROUND_LABELS as BACKGROUND_LABELS
from fixbench.datasets._procedures import ProcedureTask as ProcedureTask
from fixbench.datasets._procedures import ProcedureVideo as ProcedureVideo
from fixbench.datasets._procedures import Step as Step
from fixbench.datasets._procedures import read_procedures as read_procedures
