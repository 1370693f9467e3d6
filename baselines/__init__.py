"""Which GANs does the field compare? (one readable file each; ganbench finds them through entry points)"""
