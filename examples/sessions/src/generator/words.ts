// What people call themselves, and what they say.

export const firstNames = [
  'Ada',
  'Bela',
  'Chidi',
  'Dana',
  'Emeka',
  'Freya',
  'Goran',
  'Hana',
  'Imani',
  'Jonas',
  'Kaya',
  'Lior',
  'Mika',
  'Noor',
  'Oren',
  'Priya',
  'Quinn',
  'Rosa',
  'Sami',
  'Tove',
  'Uma',
  'Vera',
  'Wren',
  'Xenia',
  'Yusuf',
  'Zora',
] as const

export const lastNames = [
  'Abara',
  'Berg',
  'Costa',
  'Duarte',
  'Eriksen',
  'Fofana',
  'Garcia',
  'Hoang',
  'Ito',
  'Jansen',
  'Kim',
  'Lund',
  'Mbeki',
  'Novak',
  'Okafor',
  'Petrov',
  'Quist',
  'Rossi',
  'Silva',
  'Tanaka',
] as const

export const bios = [
  'Here to practise languages.',
  'Collects old maps and new tokens.',
  'Ask me about validators.',
  'Mostly awake at night.',
  'I trade little and talk much.',
  'Learning to build on chain, one mistake at a time.',
] as const

export const reportDetails = [
  'Asked for my seed phrase within a minute.',
  'Sent the same link over and over.',
  'Insults from the first message on.',
  'Claims to be somebody whom I know.',
  'Wanted me to approve a contract that empties wallets.',
] as const

export const resolutions = {
  upheld: ['Links to a known scam.', 'Third report of this kind in a week.', 'The messages say enough.'],
  dismissed: ['Nothing in the session supports it.', 'A quarrel, and no rule was broken.', 'Reported by mistake.'],
} as const

export const blockReasons = ['not again', 'scam', 'rude', 'spam'] as const
