"""How clipgate does things: plain typed functions, one stage a module, none of them knows pytest."""
