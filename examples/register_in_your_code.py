"""Plug the environment into your own loop: a random legal schedule of Taillard's first instance."""

import gymnasium

env = gymnasium.make("dispatchgym:dispatchgym/JobShop-v0", instance="ta01", observation="candidates")
observation, info = env.reset(seed=0)
done = False
while not done:
    action = env.action_space.sample(mask=info["action_mask"])
    observation, reward, terminated, truncated, info = env.step(action)
    done = terminated or truncated
print(f"{info['instance']}: makespan {info['objective']}, lower bound {info['lower_bound']}")
