"""The examples; installed as minicnn.examples, where ``minicnn train`` and ``minicnn exercises --copy`` find them."""
