"""Language models: messages, prompts, structured output, cache, budget, guard."""
