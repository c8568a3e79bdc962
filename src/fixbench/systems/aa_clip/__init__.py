"""AA-CLIP with a fork's cross-attention (document 003).

Paper: Ma et al., "AA-CLIP: Enhancing Zero-Shot Anomaly Detection via Anomaly-Aware CLIP", CVPR
2025 (code Apache-2.0); towers: CLIP, Radford et al., ICML 2021 (code MIT); the fork carries no
licence. Re-implemented from the papers and documented facts.

What of a run can be measured alone stands in `MEASURES`.
"""

from fixbench.systems.aa_clip._clip import CLIP as CLIP
from fixbench.systems.aa_clip._clip import CLIPDimensions as CLIPDimensions
from fixbench.systems.aa_clip._clip import ViT_L_14_336 as ViT_L_14_336
from fixbench.systems.aa_clip._cross_attention import CrossAttention as CrossAttention
from fixbench.systems.aa_clip._cross_attention import CrossAttentionOptions as CrossAttentionOptions
from fixbench.systems.aa_clip._model import AdaptedCLIP as AdaptedCLIP
from fixbench.systems.aa_clip._model import AdapterLayout as AdapterLayout
from fixbench.systems.aa_clip._options import Options as Options
from fixbench.systems.aa_clip._run import MEASURES as MEASURES
from fixbench.systems.aa_clip._run import run as run
from fixbench.systems.aa_clip._towers import pretrain as pretrain
