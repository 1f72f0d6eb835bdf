"""What a run leaves on disk: safetensors, JSON and YAML, no pickle.

::

    runs/multi30k_de_en/
      config.yaml            every setting, resolved
      sentencepiece.model    the tokenizer; or characters.json, or tokenizer.json
      model.safetensors      the weights to translate with: the best, in the end the averaged
      best.safetensors       the weights of the best validation
      checkpoints/step-00001000/
        model.safetensors  optimizer.safetensors  state.json  checksums.json
      metrics.jsonl  train.log  curves.png  lengths.png  TensorBoard events

`directory` knows these names, `weights` reads and writes the models, `checkpoints` what training
resumes from, and `loading` brings a finished run back for use.
"""
