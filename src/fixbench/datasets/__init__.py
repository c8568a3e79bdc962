"""Datasets: readers of real formats, and generators of small data in these formats.

Import from the modules; this one imports nothing, so that a system depends on what it reads alone.

=====================  ================================================================
``action_genome``      reader: Action Genome (frames, boxes, relations, actions)
``anomaly``            reader: MVTec AD and VisA in AA-CLIP's layout
``event_sequences``    reader: Prophesee Gen4 and eTraM as RVT preprocesses them; raw events
``fine_grained``       readers: CUB-200-2011, Stanford Cars, FGVC-Aircraft
``procedures``         reader: EgoProceL (features and key steps of videos)
``*_generator``        the small data set in each of these formats
``scenes``             what the small scenes show
``parts``              what the small fine-grained pictures show, and batches for pretraining
``event_scenes``       what the small event sequences show
``captions``           image-caption pairs for pretraining, drawn anew in each batch
``prompts``            prompts, vocabulary and tokeniser
``photographs``        the real photographs that all of this is made of
``defects``            procedural surface defects
``generators``         data set → generator, for ``fixbench data generate``
=====================  ================================================================

A new data set is a reader module for its real format, a generator module that writes a small one in
that format, one line in `generators`, and a test of each module. ``fixbench data generate`` and
``fixbench data track`` then find it; jobs whose ablation lists ``data/NAME`` under ``inputs`` read
it. A generator takes ``(directory, *, seed)``, writes with `fixbench.files.whole_folder`, gives
equal bytes for equal seeds on every machine, and writes ``SOURCES.json`` with the licence of
everything that it used. With other seeds than that of the tracked data, it makes the data draws of
an ablation (`fixbench.draws`).
"""
