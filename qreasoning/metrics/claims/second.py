"""The learned tier."""


class SecondTier:
    def claims(self, text, sentence, claims):
        return []
