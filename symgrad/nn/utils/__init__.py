"""Helpers around modules."""

from symgrad.nn.utils import rnn as rnn
