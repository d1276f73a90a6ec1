"""The demonstration of gradient checks: what is right passes, what is wrong is named."""


def test_it_agrees_with_every_layer_and_names_the_wrong_ones(run, tmp_path):
    status, output, errors = run("gradient_check.py", "--samples", 20, cwd=tmp_path)
    assert (status, errors) == (0, "")
    right, wrong = output.split("wrong on purpose")
    assert "WRONG" not in right and "Conv2d" in right and "lenet5" in right
    assert "ForgetsTheTranspose" in wrong and "caught: x[" in wrong
    assert "AveragesTheBatch" in wrong and "caught: weight[" in wrong
    assert "NOT CAUGHT" not in wrong
    assert max(map(len, output.splitlines())) <= 80
