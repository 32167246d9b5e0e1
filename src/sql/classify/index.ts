export { createClassifier, type Classification, type Classifier } from './classifier.ts'
export { isParserLoaded, loadParser } from './parser.ts'
