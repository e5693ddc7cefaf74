"""A still camera's foreground: how its pieces move and look, and how badly normal footage predicts both.

`scene` says what is background and how tall a person is at each row, `places` what is seen where foreground
is, `network` predicts it, `surprise` says how improbable it is. Learned from normal footage only.
"""
