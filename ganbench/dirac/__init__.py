"""Which losses, regularisers and update rules reach the equilibrium of the smallest GAN? (the Dirac-GAN of Mescheder et al. 2018)"""
