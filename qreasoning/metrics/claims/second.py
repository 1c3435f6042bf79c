"""The learned tier."""


class SecondTier:
    def claims(self, text, clause):
        return []
