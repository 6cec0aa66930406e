import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './styles/index.css';
import { restore } from './state/session';
import { wire } from './state/wiring';
import { App } from './ui/App';
import { listenForShortcuts } from './ui/page-keys';

const target = document.getElementById('app');
if (target) {
  void restore();
  wire();
  listenForShortcuts();
  render(<App />, target);
}
